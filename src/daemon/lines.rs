//! How is each analog phone, and who hears it and speaks to it?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::{Format, LineNow, Mouth, Stream, Wire};
use crate::base::{CallId, Encoding, OpusWish};
use crate::codec::{Decoder, Encoder};
use crate::control::{DeskCall, DeskNews};
use crate::daemon::chance;

/// What was told of the telephones, and the streams that are open.
#[derive(Default)]
pub(super) struct Lines {
    lines: BTreeMap<String, Line>,
    streams: Vec<Open>,
}

#[derive(Default)]
struct Line {
    /// There is one at most; whether it is answered. Each ring of a rhythm has another one, and
    /// all of them are told as the first and the last.
    call: Option<(CallId, bool)>,
    last_key: Option<char>,
    since: Option<Instant>,
}

struct Open {
    call: CallId,
    stream: Stream,
}

impl Lines {
    /// Something has happened to a call of a telephone.
    pub(super) fn follow(&mut self, desk: &str, call: &DeskCall, news: &DeskNews, now: Instant) {
        let line = self.lines.entry(desk.to_owned()).or_default();
        match news {
            DeskNews::Key(key) => {
                line.last_key = Some(*key);
                return;
            }
            DeskNews::Dials | DeskNews::Rings => {
                line.call = Some((call.call, false));
            }
            DeskNews::Answered => {
                line.call = Some((call.call, true));
                line.last_key = None;
            }
            DeskNews::Over(_) => {
                line.call = None;
            }
        }
        line.since = Some(now);
    }

    /// The call of a telephone that is off the hook.
    pub(super) fn call(&self, desk: &str) -> Option<CallId> {
        let (call, is_up) = self.lines.get(desk)?.call?;
        is_up.then_some(call)
    }

    /// How it is; `time` tells moments.
    pub(super) fn now(
        &self,
        desk: &str,
        is_registered: bool,
        time: impl Fn(Instant) -> String,
    ) -> LineNow {
        let line = self.lines.get(desk);
        let is_up = line.and_then(|line| line.call).map(|(_, is_up)| is_up);
        LineNow {
            desk: desk.to_owned(),
            is_registered,
            is_off_hook: is_up == Some(true),
            is_ringing: is_up == Some(false),
            last_key: line.and_then(|line| line.last_key),
            since: line.and_then(|line| line.since).map(time),
            streams: self.of_desk(desk),
        }
    }

    /// The streams of a line.
    pub(super) fn of_desk(&self, desk: &str) -> Vec<Stream> {
        let streams = self.streams.iter().map(|open| &open.stream);
        streams.filter(|it| it.desk == desk).cloned().collect()
    }

    /// One more hears the telephone, and speaks to it by that mouth.
    pub(super) fn open(
        &mut self,
        desk: String,
        (call, name): (CallId, Arc<str>),
        (format, chunk): (Format, Duration),
        mouth: Mouth,
    ) -> Stream {
        let id: String = chance::bytes::<6>()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let stream = Stream {
            id: id.into(),
            desk,
            call: name,
            wire: wire(format),
            chunk,
            mouth,
        };
        let open = Open {
            call,
            stream: stream.clone(),
        };
        self.streams.push(open);
        stream
    }

    /// Ends one stream.
    pub(super) fn shut(&mut self, id: &str) -> Option<Stream> {
        let mut all = self.streams.iter();
        let at = all.position(|open| *open.stream.id == *id)?;
        Some(self.streams.remove(at).stream)
    }

    /// The call is over, and with it its streams.
    pub(super) fn end(&mut self, call: CallId) -> Vec<Stream> {
        let of_call = |open: &mut Open| open.call == call;
        let ended = self.streams.extract_if(.., of_call);
        ended.map(|open| open.stream).collect()
    }

    pub(super) fn n_streams(&self, desk: &str) -> usize {
        let of_desk = |open: &&Open| open.stream.desk == desk;
        self.streams.iter().filter(of_desk).count()
    }
}

/// How samples are written and read.
pub(super) fn wire(format: Format) -> Wire {
    match format {
        Format::Pcm16 => Wire {
            format,
            write: |frames| frames.iter().flat_map(|it| it.to_le_bytes()).collect(),
            read: |bytes| {
                let pairs = bytes.chunks_exact(2);
                pairs.map(|it| i16::from_le_bytes([it[0], it[1]])).collect()
            },
        },
        Format::Pcmu => Wire {
            format,
            write: |frames| encoded(Encoding::Pcmu, frames),
            read: |bytes| decoded(Encoding::Pcmu, bytes),
        },
        Format::Pcma => Wire {
            format,
            write: |frames| encoded(Encoding::Pcma, frames),
            read: |bytes| decoded(Encoding::Pcma, bytes),
        },
    }
}

fn encoded(encoding: Encoding, frames: &[i16]) -> Vec<u8> {
    let frames: Vec<f32> = frames.iter().map(|it| f32::from(*it) / FULL).collect();
    let mut bytes = Vec::with_capacity(frames.len());
    Encoder::new(encoding, OpusWish::default()).encode(&frames, &mut bytes);
    bytes
}

fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<i16> {
    let mut frames = Vec::with_capacity(bytes.len());
    Decoder::new(encoding).decode(bytes, &mut frames);
    frames.iter().map(|it| (it * FULL) as i16).collect()
}

/// Who hears one telephone by more is a program gone wrong.
pub(super) const MOST_STREAMS: usize = 16;

/// Of 16 bits.
const FULL: f32 = 32_768.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Parting, Way};
    use crate::daemon::desks;

    fn call(call: u64) -> DeskCall {
        DeskCall {
            call: CallId(call),
            way: Way::In,
            number: "kitchen".to_owned(),
            dialled: "9".to_owned(),
        }
    }

    const DESK: &str = "line:kitchen";

    #[test]
    fn a_telephone_is_off_the_hook_while_a_call_of_it_is_answered() {
        let mut lines = Lines::default();
        let now = Instant::now();
        let look = |lines: &Lines| {
            let it = lines.now(DESK, true, |_| "then".to_owned());
            (it.is_off_hook, it.is_ringing, it.last_key)
        };
        assert_eq!(look(&lines), (false, false, None));
        let mut tell = |n, news: DeskNews| {
            lines.follow(DESK, &call(n), &news, now);
            look(&lines)
        };
        assert_eq!(tell(1, DeskNews::Dials), (false, true, None));
        let refused = Parting::Refused {
            status: 408,
            reason: String::new(),
        };
        assert_eq!(tell(1, DeskNews::Over(refused)), (false, false, None));
        assert_eq!(tell(2, DeskNews::Answered), (true, false, None));
        assert_eq!(tell(2, DeskNews::Key('7')), (true, false, Some('7')));
        let hung_up = Parting::HungUp(String::new());
        assert_eq!(tell(2, DeskNews::Over(hung_up)), (false, false, Some('7')));
        assert_eq!(tell(3, DeskNews::Answered), (true, false, None));
        assert_eq!(lines.call(DESK), Some(CallId(3)));
        assert_eq!(lines.call("line:hall"), None);
    }

    #[test]
    fn streams_end_with_their_call_or_by_themselves() {
        let mut lines = Lines::default();
        let mut open = |n: u64| {
            let chunk = Duration::from_millis(20);
            let name: Arc<str> = format!("c{n}").into();
            let wanted = (Format::Pcmu, chunk);
            lines.open(DESK.to_owned(), (CallId(n), name), wanted, desks::mouth().0)
        };
        let (a, b, c) = (open(1), open(1), open(2));
        assert_eq!(a.id.len(), 12);
        assert!(a.id != b.id && lines.n_streams(DESK) == 3);
        assert_eq!(lines.shut(&b.id), Some(b.clone()));
        assert_eq!(lines.shut(&b.id), None);
        assert_eq!(lines.end(CallId(1)), [a]);
        assert_eq!(lines.of_desk(DESK), [c]);
    }

    #[test]
    fn what_is_written_is_read_again_as_well_as_the_format_can() {
        let frames = [0_i16, 1_000, -1_000, 32_000, -32_768];
        for (format, n_bytes, error) in [
            (Format::Pcm16, 10, 0),
            (Format::Pcmu, 5, 800),
            (Format::Pcma, 5, 800),
        ] {
            let wire = wire(format);
            let bytes = (wire.write)(&frames);
            assert_eq!(bytes.len(), n_bytes, "{format:?}");
            let read = (wire.read)(&bytes);
            let off = |(a, b): (&i16, &i16)| i32::from(*a).abs_diff(i32::from(*b));
            let worst = frames.iter().zip(&read).map(off).max();
            assert!(worst <= Some(error), "{format:?}: {worst:?}");
        }
    }
}
