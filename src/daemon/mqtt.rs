//! What does the broker of MQTT get to know, and what do we get to know of it?

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::{Ask, BrokerFigures, News};
use crate::config::Config;
use crate::control::Input;
use crate::daemon::settings;
use crate::mqtt::{Client, Settings, State};

/// The connection to the broker, once one was configured.
pub(super) struct Mqtt {
    client: Option<Client>,
    /// A broker is configured.
    is_on: bool,
    states_tx: UnboundedSender<State>,
    pub(super) states: UnboundedReceiver<State>,
}

impl Mqtt {
    pub(super) fn new() -> Self {
        let (states_tx, states) = unbounded_channel();
        Self {
            client: None,
            is_on: false,
            states_tx,
            states,
        }
    }

    /// Follows a configuration; commands are asked of whoever receives `asks`.
    pub(super) fn follow(&mut self, config: &Config, asks: &mpsc::Sender<Ask>) {
        let settings = Settings::new(config, Some(settings::state_dir(config)));
        self.is_on = settings.is_some();
        if self.client.is_none() && self.is_on {
            match Client::start(asks.clone(), self.states_tx.clone()) {
                Ok(client) => self.client = Some(client),
                Err(why) => tracing::error!("mqtt: nothing is told: no thread: {why}"),
            }
        }
        if let Some(client) = &self.client {
            client.follow(settings);
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Tells the broker.
    pub(super) fn publish(&self, what: News) {
        if let Some(client) = self.client.as_ref().filter(|_| self.is_on) {
            client.publish(what);
        }
    }

    pub(super) fn figures(&self) -> Option<BrokerFigures> {
        let client = self.client.as_ref().filter(|_| self.is_on)?;
        Some(client.figures())
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut client) = self.client.take() {
            client.stop();
        }
    }
}

/// As the core wants to know it.
pub(super) fn input(state: State) -> Input {
    match state {
        State::Up(text) => Input::BrokerChanged { ok: true, text },
        State::Down(text) => Input::BrokerChanged { ok: false, text },
        State::Gone => Input::BrokerGone,
    }
}
