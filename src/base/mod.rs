//! The words every floor shares: units, ids, encodings, decoded sound and wait-free rings.

mod backoff;
mod dscp;
mod encoding;
mod feed;
mod ids;
mod network;
mod pcm;
mod ring;
mod srtp;
mod stereo;
mod talk;
mod tape;
mod track;
mod units;

pub use backoff::Backoff;
pub use dscp::{Dscp, NotADscp};
pub use encoding::{Channels, Encoding, L16, OpusWish};
pub use feed::{FeedRx, FeedTx, feed};
pub use ids::{CallId, MusicId, PlayId, RecordingId, SoundId, ZoneId, ZoneSet};
pub use network::{Network, NotANetwork};
pub use pcm::Pcm;
pub use ring::{Offer, Take, ring};
pub use srtp::{SrtpKey, SrtpKeyring, SrtpKeys, SrtpSuite};
pub use stereo::{Frame, StereoRx, StereoTx, stereo};
pub use talk::{Talk, TalkRx, TalkTx, talk};
pub use tape::Tape;
pub use track::{TrackRx, TrackTx, track};
pub use units::{Db, SampleRate};
