//! How does a caller's RTP become sound that never stops, and sound RTP?

mod card;
mod conceal;
mod continuation;
mod inband;
mod noise;
mod pace;
mod pitch;
mod play;
mod playout;
mod receiver;
mod report;
mod sender;
mod stretch;
mod transit;

#[cfg(test)]
mod tests;

pub use crate::rtp::Key;
pub use play::{Ended, Play, Repeat};
pub use receiver::{Receiver, ReceiverSettings};
pub use report::Report;
pub use sender::{Sender, SenderReport, SenderSettings};
