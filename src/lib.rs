//! `paging` answers SIP calls by itself, plays a klaxon, lowers the music, puts the caller on the
//! loudspeakers, and brings the music back.
//!
//! # The way of a call
//!
//! ```text
//!  caller ── INVITE ──► sip (rsipstack behind our facade) ── Event ──┐
//!                                                                    ▼
//!                               daemon::service, the only loop around control::Core
//!                                     ▲                              │ Effect: ring, answer,
//!                        page::Machine: who is heard where, when     │ connect, play, duck …
//!                                                                    ▼
//!  caller ── RTP ──► net::Media, one thread                     mix::Console
//!                    rtp ► media::Receiver ► codec                   │ commands, by ring
//!                                  └─ base::feed (PCM) ─────► mix::Engine, in the sound callback
//!                                                      klaxon · voices · music × duck ► limiter
//!                                                                    │
//!                                                 output: jack | device | timer, the one clock
//! ```
//!
//! A SIP call, a request over HTTP, a command over MQTT or a bell becomes the same input to
//! [`control::Core`]; what it decides comes out as effects that [`daemon`] carries out. Nothing else
//! decides.
//!
//! Callers of music on hold and of messages take a shorter way: `control::Core` has them welcomed,
//! and `net::Hall`, a thread of its own, sends them what [`media::Broadcast`] has encoded once for
//! all of them. No page, mixer or sound card has part in it.
//!
//! Calls that a program holds, those of relays and of analog phones, take a shorter way too:
//! `net::spoken` sums what programs say, and what the caller says goes to their WebSockets.
//!
//! Other outputs of a zone have no clock: [`mix`] lets them be tapped, and `net::Groups`, another
//! thread, sends them to multicast groups. What it hears in groups reaches [`control::Core`] as a
//! call that is answered already. So does who speaks over a WebSocket: `api` hands the frames of a
//! microphone through [`base::talk`] to `net::microphone`, a thread for each.
//!
//! Sound devices beside the one that is the clock play outputs of the engine that the clock has
//! not: `output::card` takes them by ring into the callback of each device, at its own speed.
//!
//! Recordings tap [`mix`] too, into a ring that `output::record` writes down on a thread of its own.
//! The end of every page and call, and every failure, is a note of [`control::Core`] that [`daemon`]
//! logs and [`store`] remembers.
//!
//! # Floors
//!
//! A module names only modules of the rows above its own. `tests/tidy.rs` reads the sources and
//! fails, with file and line, when one does not.
//!
//! | floor | module | the question it answers |
//! |---|---|---|
//! | 0 | [`base`] | which words (units, ids, rings, decoded sound) does everybody share? |
//! | 1 | [`dsp`] | what can be done to a signal? |
//! | 1 | [`codec`] | how do bytes become sound, and sound bytes? |
//! | 1 | [`rtp`] | what is in a packet, and what does the row of packets tell? |
//! | 1 | [`sdp`] | what do two ends agree to send each other? |
//! | 2 | [`media`] | how do packets become an unbroken voice? |
//! | 2 | [`mix`] | what does each loudspeaker play at this instant? |
//! | 2 | [`page`] | who is heard where, and when? |
//! | 2 | [`bells`] | which bell rings when? |
//! | 2 | [`music`] | which music comes next, how loud, and how is it joined? |
//! | 3 | [`control`] | what happens next? |
//! | 4 | [`sip`] | how do we speak with phones and exchanges? |
//! | 4 | [`net`] | how do packets reach `media`? |
//! | 4 | [`output`] | which clock runs the engine, and where does it play? |
//! | 4 | [`sounds`] | what is in a sound file? |
//! | 4 | [`store`] | what happened, when, and who was there? |
//! | 4 | [`config`] | what does the person who installed us want? |
//! | 4 | [`api`] | how do programs and browsers see and control us, over HTTP? |
//! | 4 | [`mqtt`] | how does home automation see and control us? |
//! | 5 | [`daemon`] | how do the parts become one program? |
//!
//! Beside them stands `fuzzing`, which is no part of the program: it says what must hold for any
//! bytes that a stranger may send. `fuzz/` and the tests use it.
//!
//! Floors 0 to 3 are pure: no clock, socket, file, thread or environment. The time is an
//! argument, so hours of paging run in milliseconds of test.
//!
//! # What must hold
//!
//! - Music is lowered exactly while somebody is heard; nobody waits for ever; a queue keeps its
//!   order. `control` proves it over random histories.
//! - Whatever runs in the sound callback (below a line that says so in `mix` and `output`) does not
//!   allocate, lock, log, enter the kernel or panic. Finished things travel back by ring to be
//!   dropped. A test counts allocations with JACK running.
//! - The sound card is the only clock. A voice is resampled to it by a ratio that follows the fill
//!   of its feed; an hour of drift neither drops nor doubles a frame.
//! - A broken part is reported and tried again; it never takes the rest down. A page that cannot be
//!   heard is refused with 503, never swallowed.
//! - Bad input is an error with a remedy, never a panic. A panic is our bug.
//! - `rsipstack` is named only in `sip`, `jack` and `cpal` only in `output`, `rusqlite` only in
//!   `store`, `axum` only in `api`, `rumqttc` only in `mqtt`; nothing below floor 4 knows that a
//!   configuration file exists.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base;

pub mod codec;
pub mod dsp;
pub mod rtp;
pub mod sdp;

pub mod bells;
pub mod media;
pub mod mix;
pub mod music;
pub mod page;

pub mod control;

pub mod api;
pub mod config;
pub mod mqtt;
pub mod net;
pub mod output;
pub mod sip;
pub mod sounds;
pub mod store;

pub mod daemon;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
