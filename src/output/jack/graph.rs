//! What is in the graph, and who is connected to whom?

use ::jack::{Client, PortFlags};

use crate::output::error::Error;
use crate::output::jack::open::{self, Autostart, open};
use crate::output::links::{GraphPort, PortKind};
use crate::output::listing::{self, Entry};
use crate::output::moves::Move;
use crate::output::zones::{self, Zone};

/// The audio type is the only one with this word in its name: "32 bit float mono audio".
const AUDIO: Option<&str> = Some("audio");

/// The audio ports of all other clients, in the server's order.
pub(crate) fn foreign_ports(client: &Client) -> Vec<GraphPort> {
    let own = format!("{}:", client.name());
    [PortKind::Speaker, PortKind::Source]
        .into_iter()
        .flat_map(|kind| {
            client
                .ports(None, AUDIO, flag(kind))
                .into_iter()
                .map(move |name| GraphPort { name, kind })
        })
        .filter(|port| !port.name.starts_with(&own))
        .collect()
}

fn flag(kind: PortKind) -> PortFlags {
    match kind {
        PortKind::Speaker => PortFlags::IS_INPUT,
        PortKind::Source => PortFlags::IS_OUTPUT,
    }
}

/// The ports that `port` is connected to; none when it is gone.
pub(crate) fn connections(client: &Client, port: &str) -> Vec<String> {
    client
        .port_by_name(port)
        .map(|port| port.get_connections())
        .unwrap_or_default()
}

/// Makes one change. That a port is gone by now is no error: the server will tell, and we look
/// again.
pub(crate) fn apply(client: &Client, change: &Move) {
    let done = match change {
        Move::Connect(from, to) => client.connect_ports_by_name(from, to),
        Move::Disconnect(from, to) => client.disconnect_ports_by_name(from, to),
    };
    if let Err(why) = done {
        tracing::debug!("{change:?} fails: {why}");
    }
}

/// The server's audio ports as `--dump-jack-ports` prints them.
pub(crate) fn list(server: Option<&str>, zones: &[Zone]) -> Result<String, Error> {
    let client = open("port-list", server, Autostart::No)?;
    let mut ports = foreign_ports(&client);
    ports.sort_by(|a, b| a.name.cmp(&b.name));
    let entries: Vec<Entry> = ports
        .iter()
        .map(|port| entry(&client, port, zones))
        .collect();
    Ok(listing::print("Detected jack ports", &entries))
}

fn entry(client: &Client, port: &GraphPort, zones: &[Zone]) -> Entry {
    let kind = match port.kind {
        PortKind::Source => "input (player or other sound source)",
        PortKind::Speaker => "output (speakers, audio card or such)",
    };
    let mut attributes = vec![("type", kind.to_owned())];
    if let Some(port) = client.port_by_name(&port.name) {
        attributes.push(("uuid", open::uuid(&port).to_string()));
    }
    let set = zones::of_port(zones, &port.name);
    let names: Vec<&str> = zones::names(zones, set).collect();
    if port.kind == PortKind::Speaker && !names.is_empty() {
        attributes.push(("zones", names.join(", ")));
    }
    Entry {
        id: None,
        name: port.name.clone(),
        attributes,
    }
}
