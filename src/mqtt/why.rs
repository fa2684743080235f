//! Why is there no connection to the broker, in words for an operator?

use std::io;

use rumqttc::{ConnectReturnCode, ConnectionError, DisconnectReasonCode, StateError, TlsError};

use super::settings::Link;

/// What is wrong and what to do; says nothing that changes from one attempt to the next.
pub(super) fn in_words(why: &ConnectionError, link: &Link) -> String {
    let broker = &link.broker;
    if let ConnectionError::Io(why) = why {
        return of_socket(why, link);
    }
    if let ConnectionError::Tls(TlsError::Io(why)) = why {
        return of_socket(why, link);
    }
    if let ConnectionError::Tls(why) = why {
        return format!("{broker}: TLS fails: {why}");
    }
    if let ConnectionError::ConnectionRefused(code) = why {
        return of_login(*code, link);
    }
    if let ConnectionError::MqttState(why) = why {
        return of_state(why, link);
    }
    if let ConnectionError::Timeout(_) = why {
        return format!("{broker} does not answer");
    }
    if let ConnectionError::NotConnAck(_) = why {
        return format!("{broker} speaks no MQTT 5");
    }
    format!("{broker}: {why}")
}

fn of_state(why: &StateError, link: &Link) -> String {
    let broker = &link.broker;
    if let StateError::Io(why) = why {
        return of_socket(why, link);
    }
    if let StateError::ConnFail { reason } = why {
        return of_login(*reason, link);
    }
    if let StateError::ServerDisconnect { reason_code, .. } = why {
        return of_parting(*reason_code, link);
    }
    if let StateError::ConnectionAborted = why {
        return format!("{broker} has closed the connection");
    }
    if let StateError::AwaitPingResp = why {
        return format!("{broker} does not answer any more");
    }
    if let StateError::OutgoingPacketTooLarge { max, .. } = why {
        return format!(
            "{broker} takes {max} bytes at most, and there is more to tell; allow longer messages \
             there"
        );
    }
    if let StateError::RetainNotSupported = why {
        return format!("{broker} keeps no messages (retain), which is needed; allow it there");
    }
    format!("{broker}: {why}")
}

fn of_parting(code: DisconnectReasonCode, link: &Link) -> String {
    let (broker, id) = (&link.broker, &link.client_id);
    if code == DisconnectReasonCode::SessionTakenOver {
        return format!(
            "another client of {broker} has the client-id {id}; give each one of its own, and a \
             topic of its own"
        );
    }
    if code == DisconnectReasonCode::ServerShuttingDown {
        return format!("{broker} has closed the connection");
    }
    format!("{broker} has ended the connection: {code:?}")
}

fn of_login(code: ConnectReturnCode, link: &Link) -> String {
    let broker = &link.broker;
    let is = |codes: &[ConnectReturnCode]| codes.contains(&code);
    if is(&[
        ConnectReturnCode::BadUserNamePassword,
        ConnectReturnCode::NotAuthorized,
    ]) {
        let who = match link.login.as_str() {
            "" => "anybody without a login".to_owned(),
            login => format!("the login {login} with this password"),
        };
        return format!("{broker} does not let in {who}; see login and pass in [mqtt]");
    }
    if is(&[
        ConnectReturnCode::ClientIdentifierNotValid,
        ConnectReturnCode::BadClientId,
    ]) {
        let id = &link.client_id;
        return format!("{broker} does not take the client-id {id}; write another");
    }
    if is(&[
        ConnectReturnCode::UnsupportedProtocolVersion,
        ConnectReturnCode::RefusedProtocolVersion,
    ]) {
        return format!("{broker} speaks no MQTT 5; use a newer one");
    }
    format!("{broker} refuses us: {code:?}")
}

fn of_socket(why: &io::Error, link: &Link) -> String {
    let broker = &link.broker;
    let of_tls = why
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(why)) = of_tls {
        return format!(
            "the certificate of {broker} is not believed ({why:?}); name its authority with \
             tls-ca = FILE, and the broker as the certificate does"
        );
    }
    if let Some(why) = of_tls {
        return format!("{broker}: TLS fails: {why}; is it mqtt: or mqtts:?");
    }
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&why.kind());
    if is(&[io::ErrorKind::ConnectionRefused]) {
        return format!("nobody listens at {broker}");
    }
    if is(&[io::ErrorKind::TimedOut]) {
        return format!("{broker} does not answer");
    }
    if is(&[
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
    ]) {
        return format!("{broker} has closed the connection");
    }
    format!("{broker}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Broker, Secret};
    use crate::mqtt::settings::Places;

    fn link(login: &str) -> Link {
        Link {
            broker: Broker {
                host: "b".to_owned(),
                port: 8883,
                is_secure: true,
            },
            login: login.to_owned(),
            password: Secret::new("hunter2"),
            ca: None,
            identity: None,
            client_id: "paging".to_owned(),
            places: Places {
                topic: "paging".to_owned(),
                discovery: None,
            },
        }
    }

    #[test]
    fn each_reason_says_what_to_do() {
        let refused = ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized);
        let taken = ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            reason_string: None,
        });
        let nobody = ConnectionError::Io(io::ErrorKind::ConnectionRefused.into());
        let strange = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let strange = ConnectionError::Tls(TlsError::Io(io::Error::other(strange)));
        for (why, login, words) in [
            (&refused, "ann", "the login ann with this password"),
            (&refused, "", "anybody without a login"),
            (
                &taken,
                "",
                "another client of mqtts://b:8883 has the client-id paging",
            ),
            (&nobody, "", "nobody listens at mqtts://b:8883"),
            (&strange, "", "tls-ca = FILE"),
        ] {
            let told = in_words(why, &link(login));
            assert!(told.contains(words) && !told.contains("hunter2"), "{told}");
        }
    }
}
