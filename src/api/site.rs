//! What is shown to programs and people: calls, pages, zones, health?
//!
//! Names are those of the configuration. Ids are texts that mean nothing to others and are never
//! given twice, not even by the next run of the program.

use serde::Serialize;
use utoipa::ToSchema;

/// The whole site at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// In the order of arrival.
    pub calls: Vec<Call>,
    /// Calls that ended of late, the last one first.
    pub ended: Vec<Call>,
    /// Those that are not over, in the order of asking.
    pub pages: Vec<Page>,
    /// Pages that ended of late, the last one first.
    pub over: Vec<Page>,
    /// In the order of the configuration.
    pub zones: Vec<Zone>,
    /// What has to work.
    pub parts: Vec<Part>,
    pub figures: Figures,
}

/// A call of somebody who speaks to zones, or with a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Call {
    #[schema(examples("c67412f3a-17"))]
    pub id: String,
    /// Who calls, as the phone says.
    pub caller: String,
    /// The number that was dialled.
    pub dialled: String,
    pub direction: Direction,
    /// Where it is held for programs, `relay:NAME` or `line:NAME`; null of one that is for zones.
    #[schema(examples("relay:office"))]
    pub desk: Option<String>,
    pub state: CallState,
    /// When the call entered this state (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub since: String,
    /// The page that it speaks into, or waits for.
    pub page: Option<String>,
    /// Why it is over, such as `404 Not Found`; of calls that programs hold.
    pub reason: Option<String>,
}

/// Who began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It came.
    In,
    /// It was dialled over HTTP or at a relay.
    Out,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallState {
    /// Waits for its zones, or for sound.
    Queued,
    /// The klaxon sounds for it.
    Klaxon,
    /// Is about to be answered.
    Answering,
    /// Enters a PIN or the code of zones.
    Entering,
    /// Is told that it is recorded.
    Greeted,
    /// Speaks a page that is played later.
    Dictating,
    /// Is on the speakers.
    Live,
    /// Is told that it is done as asked.
    Farewell,
    /// Waits for a program to answer it, or for whoever was called.
    Ringing,
    /// Talks with a program.
    Held,
    /// Is over.
    Ended,
}

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page {
    #[schema(examples("p67412f3a-4"))]
    pub id: String,
    /// As the log names it.
    pub name: String,
    pub state: PageState,
    /// 200 and above is an emergency.
    #[schema(minimum = 0, maximum = 255)]
    pub priority: u8,
    /// The zones that it asked for.
    pub zones: Vec<String>,
    /// The zones where it sounds now.
    pub heard_in: Vec<String>,
    /// The call that speaks, if one does.
    pub call: Option<String>,
    /// When it was asked for (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub asked_at: String,
    /// When its first word was heard (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub live_at: Option<String>,
    /// What became of it, once it is over.
    pub outcome: Option<Outcome>,
}

/// How far a page has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageState {
    /// Waits for its zones.
    Queued,
    /// Has its zones, and nothing sounds yet.
    Granted,
    /// The klaxon sounds, or the amplifiers wake up.
    Klaxon,
    /// Is about to be heard.
    Open,
    Live,
    /// The end tone sounds.
    Ending,
    Over,
}

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// In all its zones, from its first word to its last.
    Heard,
    /// It was live, but not everywhere all the time.
    PartlyHeard,
    /// It was live, and nothing of it was heard anywhere: its caller sent no sound, say.
    NotHeard,
    /// It was given up before its first word.
    Cancelled,
    /// Its zones did not become free in time.
    Expired,
    /// It was turned away.
    Refused,
}

/// Loudspeakers that are spoken to together.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Zone {
    /// NAME of `[zone:NAME]`; `all` where none is configured.
    pub name: String,
    /// The highest sample of the last second or so in dB below full scale; null for silence.
    pub peak_dbfs: Option<f32>,
    /// How loud it is now (momentary, ITU-R BS.1770); null for silence.
    pub loudness_lufs: Option<f32>,
    /// Its music is down.
    pub ducked: bool,
    /// Something that is there plays it.
    pub has_output: bool,
    /// The pages that sound in it.
    pub heard: Vec<Heard>,
}

/// A page as a zone has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Heard {
    /// The page.
    pub page: String,
    /// As the log names it.
    pub name: String,
    /// The call that speaks, if one does.
    pub call: Option<String>,
}

/// One thing that has to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    #[schema(examples("engine", "account sip", "zone yard", "disk"))]
    pub name: String,
    pub state: Condition,
    /// In words for an operator.
    pub reason: String,
    /// When the state changed last (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub since: String,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    #[default]
    Ok,
    /// An operator should look; pages are heard all the same.
    Degraded,
    /// Somebody is not heard, or cannot reach us.
    Failed,
}

/// What is counted since the start, and what is measured now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub uptime_s: f64,
    pub is_up: bool,
    /// Calls that are over, by what became of them.
    pub calls: Vec<(String, u64)>,
    /// Pages that are over, by what became of them.
    pub pages: Vec<(String, u64)>,
    /// Bells that have rung or should have, by what became of them.
    pub bells: Vec<(String, u64)>,
    /// Bytes that are free where state is kept, if that is known.
    pub disk_free: Option<u64>,
    /// Callers who hear music on hold or a message.
    pub n_listeners: u64,
    /// From the call's arrival to its answer.
    pub set_up: Spread,
    /// How long the sound of calls was held back to bridge the network's unevenness.
    pub delay: Spread,
    /// How unevenly the packets of calls came (RFC 3550 A.8).
    pub jitter: Spread,
    /// Packets with sound by what became of them.
    pub packets: Vec<(&'static str, u64)>,
    /// Frames of sound that were made up because nothing had come.
    pub concealed_frames: u64,
    /// Accounts, and whether calls can reach us through them.
    pub accounts: Vec<(String, bool)>,
    /// Sources of music, and whether they play what they should.
    pub music: Vec<(String, bool)>,
    pub n_users: u64,
    pub n_silenced: u64,
    /// SIP messages that were kept out, by reason.
    pub kept_out: Vec<(&'static str, u64)>,
    pub xruns: u64,
    pub callbacks: u64,
    pub starved_frames: u64,
    pub skips: u64,
    /// What passes over MQTT, if it is configured.
    pub broker: Option<BrokerFigures>,
}

/// What has passed between us and the broker of MQTT since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerFigures {
    pub is_connected: bool,
    pub published: u64,
    /// Events that had no room.
    pub lost: u64,
    pub commands: u64,
    pub refused: u64,
}

/// Spans of time, by how long they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many were not longer than each of `Spread::BOUNDS_MS`.
    pub within: [u64; Self::BOUNDS_MS.len()],
    pub n: u64,
    pub sum_s: f64,
}

impl Spread {
    /// In milliseconds: from the jitter of a good network to a klaxon of ten seconds.
    pub const BOUNDS_MS: [u64; 13] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
    ];

    /// One more.
    pub fn add(&mut self, span: std::time::Duration) {
        self.n += 1;
        self.sum_s += span.as_secs_f64();
        for (n, bound) in self.within.iter_mut().zip(Self::BOUNDS_MS) {
            if span.as_micros() <= u128::from(bound) * 1_000 {
                *n += 1;
            }
        }
    }
}
