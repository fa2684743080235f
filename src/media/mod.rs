//! How does a caller's RTP become sound that never stops, and sound RTP?

mod announcer;
mod broadcast;
mod card;
mod conceal;
mod continuation;
mod inband;
mod live;
mod microphone;
mod noise;
mod pace;
mod pitch;
mod play;
mod playout;
mod programme;
mod receiver;
mod reel;
mod report;
mod sender;
mod stretch;
mod subscriber;
mod transit;
mod wheel;

#[cfg(test)]
mod tests;

pub use crate::rtp::Key;
pub use announcer::{Announcer, AnnouncerSettings, Form};
pub use broadcast::Broadcast;
pub use live::Live;
pub use microphone::Microphone;
pub use play::{Ended, Play, Repeat};
pub use programme::{Programme, Sound, Start};
pub use receiver::{Receiver, ReceiverSettings};
pub use reel::{Cut, Reel};
pub use report::Report;
pub use sender::{Sender, SenderReport, SenderSettings};
pub use subscriber::Subscriber;
pub use wheel::{Turn, Wheel};
