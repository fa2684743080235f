//! Which keys does `[sip]` have?

use crate::base::Encoding;
use crate::config::form::{self, Form};
use crate::config::keys::{Access, Key, Slot, account, whole};

const LISTENING: &str = "Listening";
const CALLS: &str = "Calls and their sound";
const CALLERS: &str = "Keeping people out, and seeing what goes on";

pub(super) const KEYS: &[Key] = &[
    account!(
        "domain",
        domain,
        form::DOMAINS,
        "",
        "The PBX to register at: host or host:port. A host without a port is looked up as\n\
         RFC 3263 says (NAPTR, SRV). Of several, parted by blanks, each stands in for those\n\
         before it; the first is the domain of our address.\n\
         Empty: no account; phones can still call this machine directly."
    ),
    account!(
        "user",
        user,
        form::USER,
        "",
        "The extension at the PBX, what stands before the @, e.g. 100."
    ),
    Key {
        is_secret: true,
        ..account!(
            "pass",
            password,
            form::SECRET,
            "",
            "The password of the account. A % is just a %; %% is also read as one %.\n\
             A ; after a blank would begin a comment; such a password stands indented on a line\n\
             of its own below pass ="
        )
    },
    Key {
        slot: Slot::Account(Access {
            set: |account, text, _| {
                let name = (form::TEXT.parse)(text)?;
                account.auth_user = if name.is_empty() {
                    account.user.clone()
                } else {
                    name
                };
                Ok(())
            },
            show: |account| account.auth_user.clone(),
        }),
        ..account!(
            "auth-user",
            auth_user,
            form::TEXT,
            "",
            "The name to log in with, if it is not the user. Empty: the user."
        )
    },
    account!(
        "realm",
        realm,
        form::REALM,
        "",
        "Answer only those who ask for the password of this realm, as the PBX names it. A proxy\n\
         with a realm of its own goes without an answer then. Empty: whatever the realm."
    ),
    account!(
        "display-name",
        display_name,
        form::TEXT,
        "",
        "The name that phones show for us."
    ),
    account!(
        "outbound-proxy",
        outbound_proxy,
        form::PROXIES,
        "",
        "Send everything of this account through this host or host:port; of several, parted by\n\
         blanks, each stands in for those before it."
    ),
    account!(
        "transport",
        transport,
        form::AUTO_TRANSPORT,
        "auto",
        "How to reach the PBX: udp, tcp or tls; auto: as its domain says in the DNS, else udp."
    ),
    account!(
        "expires",
        expires,
        form::EXPIRES,
        "300.0",
        "Seconds that a registration lasts; it is renewed in time."
    ),
    account!(
        "keep-alive",
        keep_alive,
        form::KEEP_ALIVE,
        "20.0",
        "Seconds between two signs of life to the PBX while nothing else is said: a NAT router\n\
         keeps the way back open, and a PBX that is gone is noticed. 5 to 3600; 0: never."
    ),
    account!(
        "extensions",
        extensions,
        form::NUMBERS,
        "",
        "Numbers that calls through this PBX may be for, besides the user; others hear that\n\
         there is no such number. Empty: all."
    ),
    whole!(
        "sip",
        LISTENING,
        "listen",
        Listen,
        sip.listen,
        form::LISTEN,
        "0.0.0.0:5060",
        "Where phones can call: address:port, several parted by blanks.\n\
         A plain address listens on UDP and TCP; udp:, tcp: or tls: before it picks one."
    ),
    whole!(
        "sip",
        LISTENING,
        "external-address",
        Signalling,
        sip.external_address,
        form::ADDRESS,
        "",
        "Our public IP address, if phones reach us from beyond a NAT router."
    ),
    whole!(
        "sip",
        LISTENING,
        "sip-dscp",
        Signalling,
        sip.sip_dscp,
        form::DSCP,
        "cs3",
        "How urgent switches and routers take our SIP messages to be (DSCP): a name or a number."
    ),
    whole!(
        "sip",
        LISTENING,
        "tls-cert",
        Signalling,
        sip.tls_cert,
        form::PATH,
        "",
        "Our certificate for tls: in PEM, with those that link it to its authority behind it.\n\
         A renewed file counts at once, without a restart."
    ),
    whole!(
        "sip",
        LISTENING,
        "tls-key",
        Signalling,
        sip.tls_key,
        form::PATH,
        "",
        "The private key of that certificate, in PEM."
    ),
    whole!(
        "sip",
        LISTENING,
        "tls-ca",
        Signalling,
        sip.tls_ca,
        form::PATH,
        "",
        "Authorities in PEM that may vouch for a PBX reached by tls, besides the system's own.\n\
         A PBX that asks for a certificate of ours gets tls-cert."
    ),
    whole!(
        "sip",
        LISTENING,
        "tls-verify-clients",
        Signalling,
        sip.tls_verify_clients,
        form::BOOL,
        "no",
        "Phones that connect by tls: need a certificate that an authority in tls-ca vouches for."
    ),
    Key {
        slot: Slot::Shared(
            Access {
                set: |config, text, _| {
                    config.sip.codecs = (CODECS.parse)(text)?;
                    Ok(())
                },
                show: |config| (CODECS.show)(&config.sip.codecs),
            },
            Access {
                set: |account, text, _| {
                    account.codecs = (OWN_CODECS.parse)(text)?;
                    Ok(())
                },
                show: |account| (OWN_CODECS.show)(&account.codecs),
            },
        ),
        ..whole!(
            "sip",
            CALLS,
            "codecs",
            Media,
            sip.codecs,
            CODECS,
            "opus g722 pcmu pcma",
            "Codecs that callers may use, the preferred first: opus, g722, pcmu, pcma, l16.\n\
             Phones sound clearest with opus and g722; l16 is uncompressed.\n\
             In [sip:NAME] those of calls through that account; empty there: as in [sip]."
        )
    },
    whole!(
        "sip",
        CALLS,
        "rtp-ports",
        Media,
        sip.rtp_ports,
        form::PORTS,
        "10000-20000",
        "UDP ports for sound; every call takes two. Open them in the firewall."
    ),
    whole!(
        "sip",
        CALLS,
        "rtp-dscp",
        Media,
        sip.rtp_dscp,
        form::DSCP,
        "ef",
        "How urgent switches and routers take our sound to be (DSCP): a name or a number."
    ),
    whole!(
        "sip",
        CALLS,
        "srtp",
        Media,
        sip.srtp,
        form::SRTP,
        "optional",
        "Sound that nobody can overhear: off, optional or required. Optional protects it if the\n\
         other side can; required refuses calls without. The keys travel in the SIP messages,\n\
         so it protects only as well as they are: use it with TLS."
    ),
    whole!(
        "sip",
        CALLS,
        "max-calls",
        Policy,
        sip.max_calls,
        form::MAX_CALLS,
        "100",
        "Calls at the same time, waiting ones included; the next caller hears busy."
    ),
    whole!(
        "sip",
        CALLS,
        "session-expires",
        Signalling,
        sip.session_expires,
        form::SESSION,
        "1800.0",
        "Seconds after which a call ends whose other side has vanished without hanging up;\n\
         while both are there it is renewed. 90 to 86400; 0: never."
    ),
    whole!(
        "sip",
        CALLERS,
        "allow",
        Callers,
        sip.allow,
        form::NETWORKS,
        "",
        "Networks that are listened to, e.g. 10.0.0.0/8 192.0.2.7; others get no answer.\n\
         The PBX need not be named. Empty: all."
    ),
    whole!(
        "sip",
        CALLERS,
        "require-auth",
        Callers,
        sip.require_auth,
        form::BOOL,
        "no",
        "Calls that come from no PBX of ours need the name and password of a section\n\
         [user:NAME] with pass = PASSWORD. Such users can also register here."
    ),
    whole!(
        "sip",
        CALLERS,
        "trace",
        Trace,
        sip.trace,
        form::BOOL,
        "no",
        "Write every SIP message to a file that Wireshark and sngrep open; passwords and\n\
         what proves them are masked."
    ),
    whole!(
        "sip",
        CALLERS,
        "trace-file",
        Trace,
        sip.trace_file,
        form::PATH,
        "",
        "That file. At 64 MB it is renamed to .old and begun anew.\n\
         Empty: sip-trace.pcap in the state directory of the service, or where it was started."
    ),
];

const CODECS: Form<Vec<Encoding>> = Form {
    parse: codecs,
    show: |all| codecs_text(all),
};

/// Those of an account; none stands for those of `[sip]`.
pub(super) const OWN_CODECS: Form<Vec<Encoding>> = Form {
    parse: |text| match text {
        "" => Ok(Vec::new()),
        some => codecs(some),
    },
    show: |all| codecs_text(all),
};

fn codecs(text: &str) -> Result<Vec<Encoding>, String> {
    let mut all = Vec::new();
    for name in form::items(text) {
        let name = name.to_ascii_lowercase();
        let named = known(&name);
        let Some(first) = named.first() else {
            return Err(format!(
                "no such codec: {name}; write some of {CODEC_NAMES}"
            ));
        };
        if all.contains(first) {
            return Err(format!("names {name} twice; write each codec once"));
        }
        all.extend(named);
    }
    if all.is_empty() {
        return Err(format!("leaves no codec; write some of {CODEC_NAMES}"));
    }
    Ok(all)
}

/// A name may stand for several: L16 comes at many rates.
fn known(name: &str) -> Vec<Encoding> {
    let name = match name {
        "ulaw" | "g711u" => "pcmu",
        "alaw" | "g711a" => "pcma",
        other => other,
    };
    Encoding::from_config_name(name)
}

fn codecs_text(all: &[Encoding]) -> String {
    let mut names: Vec<&str> = all.iter().map(|e| e.config_name()).collect();
    names.dedup();
    names.join(" ")
}

const CODEC_NAMES: &str = "opus, g722, pcmu, pcma, l16";
