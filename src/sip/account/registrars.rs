//! Which accounts are there, and which server serves each?

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::sip::finding::servers::{self, Server};
use crate::sip::settings::Account;

/// The accounts by name, as all tasks share them.
#[derive(Default)]
pub(crate) struct Registrars(Mutex<BTreeMap<String, Registrar>>);

struct Registrar {
    account: Account,
    /// All that stand for the account, in the order that holds as long as they are the same.
    servers: Vec<Server>,
    /// Who has our registration.
    serving: Option<Serving>,
    /// Where it or one of its kind was when we registered last: calls come from there.
    places: Vec<IpAddr>,
    /// Told when somebody else has found the server silent.
    doubted: Arc<Notify>,
}

/// The server that has our registration.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) server: Server,
    /// The Route values that it wants requests of ours to carry (RFC 3608).
    pub(crate) routes: Vec<String>,
}

impl Registrars {
    pub(crate) fn insert(&self, account: Account) {
        let name = account.name.clone();
        let registrar = Registrar {
            account,
            servers: Vec::new(),
            serving: None,
            places: Vec::new(),
            doubted: Arc::default(),
        };
        self.lock().insert(name, registrar);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    pub(crate) fn account(&self, name: &str) -> Option<Account> {
        let registrars = self.lock();
        registrars.get(name).map(|r| r.account.clone())
    }

    /// Takes what a look-up has found, and gives the order of trying.
    pub(crate) fn rank(&self, name: &str, found: Vec<Server>) -> Vec<Server> {
        let mut registrars = self.lock();
        let Some(registrar) = registrars.get_mut(name) else {
            return found;
        };
        registrar.servers = servers::keep_order(&registrar.servers, found);
        registrar.servers.clone()
    }

    /// That server has our registration now.
    pub(crate) fn serves(&self, name: &str, serving: Serving) {
        if let Some(registrar) = self.lock().get_mut(name) {
            let all = registrar.servers.iter().chain([&serving.server]);
            registrar.places = all.map(|server| server.address.ip()).collect();
            registrar.serving = Some(serving);
        }
    }

    /// Nobody has our registration any more.
    pub(crate) fn lost(&self, name: &str) {
        if let Some(registrar) = self.lock().get_mut(name) {
            registrar.serving = None;
        }
    }

    pub(crate) fn serving(&self, name: &str) -> Option<Serving> {
        self.lock().get(name)?.serving.clone()
    }

    /// A request to that server came to nothing: whoever keeps us registered there shall look.
    pub(crate) fn doubt(&self, name: &str, server: &Server) {
        let registrars = self.lock();
        let serving = registrars.get(name).and_then(|r| r.serving.as_ref());
        if serving.is_some_and(|serving| serving.server.is_at(server)) {
            registrars[name].doubted.notify_one();
        }
    }

    /// Returns once the account's server is doubted; never if there is no such account.
    pub(crate) async fn doubted(&self, name: &str) {
        let doubted = self.lock().get(name).map(|r| r.doubted.clone());
        match doubted {
            Some(doubted) => doubted.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The account that a call to `user` from `source` came by: the user decides between
    /// several accounts at one registrar.
    pub(crate) fn account_of(&self, user: &str, source: SocketAddr) -> Option<String> {
        let registrars = self.lock();
        let at_source = || {
            let at = |r: &&Registrar| r.places.contains(&source.ip());
            registrars.values().filter(at)
        };
        let is_extension = |r: &&Registrar| r.account.extensions.iter().any(|e| e == user);
        let takes_all = |r: &&Registrar| r.account.extensions.is_empty();
        at_source()
            .find(|r| r.account.user == user)
            .or_else(|| at_source().find(is_extension))
            .or_else(|| at_source().find(takes_all))
            .or_else(|| at_source().next())
            .map(|r| r.account.name.clone())
    }

    /// A panic elsewhere must not take the telephone down with it: the table stays usable.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Registrar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn server(address: &str) -> Server {
        Server {
            host: "pbx".to_owned(),
            target: "pbx".to_owned(),
            transport: Transport::Udp,
            address: address.parse().unwrap(),
            route: None,
        }
    }

    fn one() -> Registrars {
        let registrars = Registrars::default();
        registrars.insert(Account {
            name: "pbx".to_owned(),
            user: "7".to_owned(),
            ..Account::default()
        });
        registrars
    }

    #[test]
    fn calls_of_an_account_come_from_any_of_its_servers() {
        let (registrars, a, b) = (one(), server("192.0.2.1:1"), server("192.0.2.2:1"));
        registrars.rank("pbx", vec![a.clone(), b]);
        let from_b = "192.0.2.2:5070".parse().unwrap();
        assert_eq!(registrars.account_of("7", from_b), None);
        let routes = vec!["<sip:p;lr>".to_owned()];
        registrars.serves("pbx", Serving { server: a, routes });
        assert_eq!(registrars.account_of("x", from_b).as_deref(), Some("pbx"));
        registrars.lost("pbx");
        assert!(registrars.serving("pbx").is_none());
        assert_eq!(registrars.account_of("7", from_b).as_deref(), Some("pbx"));
    }

    #[test]
    fn of_several_accounts_at_one_server_the_dialled_one_is_called() {
        let (registrars, a) = (one(), server("192.0.2.1:1"));
        registrars.insert(Account {
            name: "halls".to_owned(),
            user: "8".to_owned(),
            extensions: vec!["81".to_owned()],
            ..Account::default()
        });
        let from = a.address;
        for name in ["halls", "pbx"] {
            registrars.rank(name, vec![a.clone()]);
            let server = a.clone();
            let routes = Vec::new();
            registrars.serves(name, Serving { server, routes });
        }
        for (dialled, wanted) in [("7", "pbx"), ("8", "halls"), ("81", "halls"), ("82", "pbx")] {
            let found = registrars.account_of(dialled, from);
            assert_eq!(found.as_deref(), Some(wanted), "{dialled}");
        }
        registrars.remove("pbx");
        assert_eq!(registrars.account_of("82", from).as_deref(), Some("halls"));
    }

    #[test]
    fn the_order_holds_until_there_are_other_servers() {
        let (registrars, a, b) = (one(), server("192.0.2.1:1"), server("192.0.2.2:1"));
        let first = registrars.rank("pbx", vec![b.clone(), a.clone()]);
        assert_eq!(first, [b.clone(), a.clone()]);
        assert_eq!(registrars.rank("pbx", vec![a.clone(), b]), first);
        assert_eq!(registrars.rank("pbx", vec![a.clone()]), [a]);
    }
}
