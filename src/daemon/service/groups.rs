//! What is there to do for multicast groups?

use super::Service;
use crate::config;
use crate::control::Input;
use crate::daemon::words;
use crate::net::group::Event;

impl Service {
    /// Speaks and listens to the groups of the configuration.
    pub(super) fn follow_groups(&mut self) {
        let (config, zones) = (&self.config, &self.zones);
        match self.groups.follow(config, zones, &mut self.console) {
            Ok(gone) => self.inputs.extend(gone),
            Err(why) => tracing::error!("multicast: the system has no thread to give: {why}"),
        }
    }

    pub(super) fn group_event(&mut self, event: Event) {
        match event {
            Event::State { group, fault } => {
                let text = self.group_state(&group, fault.as_deref());
                self.inputs.push_back(Input::GroupChanged {
                    name: group,
                    ok: fault.is_none(),
                    text,
                });
            }
            Event::Begun {
                group,
                stream,
                from,
                caller,
                feed,
            } => {
                let call = self.endpoint.new_call();
                let speaker = match caller {
                    Some(name) => format!("{name} <{from}>"),
                    None => from.to_string(),
                };
                if let Some(group) = self.groups.begun(call, &group, stream, feed) {
                    self.inputs.push_back(Input::StreamBegan {
                        call,
                        group,
                        speaker,
                    });
                }
            }
            Event::Over {
                stream,
                report,
                n_foreign,
            } => {
                let Some(call) = self.groups.over(stream) else {
                    return;
                };
                let audio = words::audio(&report, n_foreign, 0);
                tracing::info!("stream {call}: {audio}");
                let how = "the sender fell silent".to_owned();
                self.inputs.push_back(Input::CallEnded { call, how });
            }
            Event::PassedOver { group, from, why } => tracing::warn!("{group}: {from} {why}"),
        }
    }

    /// What a group does, or why it cannot.
    fn group_state(&self, section: &str, fault: Option<&str>) -> String {
        if let Some(fault) = fault {
            return format!("{fault}; it is tried again");
        }
        let mut spoken = self.config.groups_out.iter();
        let spoken = spoken.find(|group| group.section() == section);
        let mut heard = self.config.groups_in.iter();
        let heard = heard.find(|group| group.section() == section);
        let at = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(String::new, |address| format!(" {address}"))
        };
        let address = |group: &config::GroupOut| format!("speaks to{}", at(group.address));
        spoken.map_or_else(
            || format!("listens to{}", at(heard.and_then(|group| group.address))),
            address,
        )
    }
}
