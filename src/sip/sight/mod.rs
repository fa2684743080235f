//! What do we write down of the messages that pass?

pub(crate) mod mask;
pub(crate) mod pcap;
pub(crate) mod trace;
