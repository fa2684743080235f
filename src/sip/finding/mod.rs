//! Which server is asked, and which one when that is silent? (RFC 3263)

pub(crate) mod failover;
pub(crate) mod locating;
pub(crate) mod names;
pub(crate) mod puzzled;
pub(crate) mod servers;
pub(crate) mod ways;
