//! How does one connection to the broker run?
//!
//! A task of its own polls the client, since what it does must not be broken off half-way. It ends
//! with the connection: the next one is a new client, which has forgotten everything, so that no
//! command is carried out that was meant for an hour ago.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, Broker, DisconnectProperties, DisconnectReasonCode, Event, EventLoop, LastWill,
    MqttOptions, Packet, PubAckReason, PublishOptions, PublishProperties, QoS,
    SubscribeFilterInput, SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::board::Post;
use super::picture::OFFLINE;
use super::settings::Link;
use super::tls;
use super::topics::AVAILABILITY;
use super::why;

/// A connection, or one in the making.
pub(super) struct Wire {
    client: AsyncClient,
    pub(super) heard: mpsc::Receiver<Heard>,
    task: Task,
}

/// Ends when it is dropped.
struct Task(JoinHandle<()>);

/// What came of it.
#[derive(Debug)]
pub(super) enum Heard {
    /// The broker has let us in.
    Up,
    /// Whether everything may be listened to.
    Listening(bool),
    Message(Message),
    /// Something may not be published.
    Forbidden,
    /// Nothing more will come; the reason in words.
    Down(String),
}

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// It was there before we listened.
    pub(super) is_retained: bool,
    /// What the answer has to have.
    pub(super) correlation: Option<Vec<u8>>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// The broker tells that we are offline.
    Told,
    /// Nobody is told.
    Silent,
}

impl Wire {
    /// Begins to connect.
    ///
    /// # Errors
    /// What is wrong with the files of certificates.
    pub(super) fn open(link: &Link) -> Result<Self, String> {
        let (client, events) = AsyncClient::builder(options(link)?)
            .capacity(MOST_WAITING)
            .build();
        let (heard_tx, heard) = mpsc::channel(MOST_WAITING);
        let task = tokio::spawn(run(events, heard_tx, link.clone()));
        Ok(Self {
            client,
            heard,
            task: Task(task),
        })
    }

    /// Listens to what others publish there; whether it may comes as `Heard`.
    pub(super) fn listen(&self, filters: Vec<String>) {
        let filter = |filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce).no_local(true);
        let asked = self
            .client
            .try_subscribe_many(filters.into_iter().map(filter));
        // It is the first request of a connection, so that there is room.
        if let Err(why) = asked {
            tracing::error!("mqtt: nothing can be listened to: {why}");
        }
    }

    /// Publishes what is to be retained, if there is room.
    pub(super) fn post(&self, post: &Post) -> bool {
        let options = PublishOptions::at_least_once().retained();
        let payload = post.payload.as_bytes();
        let asked = self.client.try_publish(&post.topic, payload, options);
        asked.is_ok()
    }

    /// Publishes what only those hear who listen now, if there is room.
    pub(super) fn tell(&self, topic: &str, payload: &str, correlation: Option<Vec<u8>>) -> bool {
        let properties = PublishProperties {
            correlation_data: correlation.map(Into::into),
            ..PublishProperties::default()
        };
        let options = PublishOptions::at_least_once().properties(properties);
        let asked = self.client.try_publish(topic, payload.as_bytes(), options);
        asked.is_ok()
    }

    /// Publishes the last things, and ends the connection; not for long.
    pub(super) async fn close(self, posts: Vec<Post>, farewell: Farewell) {
        let Self {
            client,
            mut heard,
            task: _task,
        } = self;
        let leave = async move {
            for post in posts {
                // None waits for an answer, so that all are on the wire before the end.
                let options = PublishOptions::at_most_once().retained();
                let payload = post.payload.into_bytes();
                client.publish(post.topic, payload, options).await.ok();
            }
            let reason = match farewell {
                Farewell::Told => DisconnectReasonCode::DisconnectWithWillMessage,
                Farewell::Silent => DisconnectReasonCode::NormalDisconnection,
            };
            let asked = client.disconnect_with_properties_timeout(reason, NOTHING, DRAIN);
            asked.await.ok();
        };
        let drain = async { while heard.recv().await.is_some() {} };
        let both = async { tokio::join!(leave, drain) };
        timeout(LINGER, both).await.ok();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn options(link: &Link) -> Result<MqttOptions, String> {
    let (host, port) = (link.broker.host.clone(), link.broker.port);
    let mut options = MqttOptions::new(&link.client_id, Broker::tcp(&host, port));
    options.set_keep_alive(KEEP_ALIVE_S);
    options.set_clean_start(true);
    options.set_connect_timeout(CONNECT);
    options.set_max_packet_size(Some(MOST_BYTES));
    let topic = link.places.own(AVAILABILITY);
    let will = LastWill::new(topic, OFFLINE, QoS::AtLeastOnce, true, None);
    options.set_last_will(will);
    if !link.login.is_empty() {
        let password = link.password.reveal().to_owned();
        options.set_credentials(&link.login, password);
    }
    if link.broker.is_secure {
        let config = TlsConfiguration::Rustls(tls::config(link)?);
        options.set_transport(Transport::tls_with_config(config));
    }
    let place = Arc::new((host, port));
    options.set_socket_connector(move |_, _| {
        let place = Arc::clone(&place);
        async move {
            let stream = TcpStream::connect((place.0.as_str(), place.1)).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    });
    Ok(options)
}

async fn run(mut events: EventLoop, heard: mpsc::Sender<Heard>, link: Link) {
    loop {
        // Signs of life come more often than that, but from a broker that takes nothing any more.
        let event = match timeout(STALLED, events.poll()).await {
            Ok(Ok(event)) => what(event),
            Ok(Err(why)) => Some(Heard::Down(why::in_words(&why, &link))),
            Err(_) => Some(Heard::Down(format!("{} has stalled", link.broker))),
        };
        let Some(event) = event else { continue };
        let is_over = matches!(event, Heard::Down(_));
        if heard.send(event).await.is_err() || is_over {
            return;
        }
    }
}

fn what(event: Event) -> Option<Heard> {
    let Event::Incoming(packet) = event else {
        return None;
    };
    match packet {
        Packet::ConnAck(_) => Some(Heard::Up),
        Packet::SubAck(answer) => {
            let may = |it: &SubscribeReasonCode| matches!(it, SubscribeReasonCode::Success(_));
            Some(Heard::Listening(answer.return_codes.iter().all(may)))
        }
        Packet::Publish(publish) => Some(Heard::Message(Message {
            topic: String::from_utf8(publish.topic.to_vec()).ok()?,
            payload: publish.payload.to_vec(),
            is_retained: publish.retain,
            correlation: publish
                .properties
                .and_then(|it| it.correlation_data)
                .map(|it| it.to_vec()),
        })),
        Packet::PubAck(answer) => {
            (answer.reason == PubAckReason::NotAuthorized).then_some(Heard::Forbidden)
        }
        Packet::Auth(_)
        | Packet::Connect(..)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Subscribe(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::Disconnect(_) => None,
    }
}

const NOTHING: DisconnectProperties = DisconnectProperties {
    session_expiry_interval: None,
    reason_string: None,
    user_properties: Vec::new(),
    server_reference: None,
};

/// Messages on their way, either way; more wait where they come from.
const MOST_WAITING: usize = 64;

/// The document of a large site is the longest.
const MOST_BYTES: u32 = 4 << 20;

/// How soon a broker is missed that has gone without a word.
const KEEP_ALIVE_S: u16 = 20;

/// Longer than any wait between two signs of life.
const STALLED: Duration = Duration::from_secs(50);

/// Until the broker has let us in.
const CONNECT: Duration = Duration::from_secs(10);

/// For what is on its way when the connection ends.
const DRAIN: Duration = Duration::from_millis(300);
const LINGER: Duration = Duration::from_millis(800);
