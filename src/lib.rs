//! `paging`: a public-address daemon.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base;

pub mod codec;
pub mod dsp;
pub mod rtp;
pub mod sdp;

pub mod media;
pub mod mix;
pub mod page;

pub mod control;

pub mod config;
pub mod net;
pub mod output;
pub mod sip;
pub mod sounds;

pub mod daemon;
