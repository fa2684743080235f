//! How do recordings get from the engine to the recorder?

use std::collections::BTreeMap;
use std::time::Instant;

use super::Service;
use crate::base::{CallId, RecordingId, SampleRate};
use crate::control::{Input, Mark, Sound};
use crate::daemon::desks;
use crate::mix::Spot;
use crate::output::record::{Event, Order, Recorder};

/// What is recorded, and who writes it.
pub(super) struct Recordings {
    pub(super) recorder: Recorder,
    open: BTreeMap<RecordingId, Open>,
}

struct Open {
    mark: Mark,
    words: Vec<String>,
    /// Of a zone, as they are recorded.
    outputs: Vec<usize>,
    /// Orders of which the recorder has not said that they are over.
    n_orders: usize,
    has_ended: bool,
}

impl Recordings {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            open: BTreeMap::new(),
        }
    }
}

impl Service {
    pub(super) fn record(&mut self, recording: RecordingId, mark: Mark, words: Vec<String>) {
        let call = match mark {
            Mark::Caller(call) => Some(call),
            Mark::Page(call) => call,
            Mark::Zone(_) | Mark::Held(_) => None,
        };
        if let Some(call) = call {
            self.console.record_call(call, recording);
        }
        let open = Open {
            mark,
            words,
            outputs: Vec::new(),
            n_orders: 0,
            has_ended: false,
        };
        self.recordings.open.insert(recording, open);
        self.pick_up(recording);
    }

    pub(super) fn end_recording(&mut self, recording: RecordingId) {
        self.console.end_recording(recording);
        let mark = self.recordings.open.get(&recording).map(|it| it.mark);
        if let Some(Mark::Held(call)) = mark {
            self.desks.tape(call, None);
        }
        if let Some(open) = self.recordings.open.get_mut(&recording) {
            open.has_ended = true;
        }
        self.forget_recording(recording);
    }

    /// The engine cannot go on with it as it was; so it goes on in another file.
    pub(super) fn recording_broken(&mut self, recording: RecordingId) {
        self.pick_up(recording);
    }

    /// Zones may have other outputs now.
    pub(super) fn follow_outputs(&mut self) {
        let outputs = |open: &Open| match open.mark {
            Mark::Zone(zone) => Some(self.console.outputs_of(zone)),
            Mark::Caller(_) | Mark::Page(_) | Mark::Held(_) => None,
        };
        let open = self.recordings.open.iter().filter(|(_, it)| !it.has_ended);
        let changed = open.filter(|(_, it)| outputs(it).is_some_and(|now| now != it.outputs));
        let changed: Vec<RecordingId> = changed.map(|(recording, _)| *recording).collect();
        for recording in changed {
            self.console.stop_recording(recording);
            self.pick_up(recording);
        }
    }

    /// Begins a file, unless there is nothing to be heard.
    fn pick_up(&mut self, recording: RecordingId) {
        let Some(open) = self.recordings.open.get_mut(&recording) else {
            return;
        };
        let (spot, rate) = match open.mark {
            Mark::Caller(_) => (Spot::Caller, Some(SPEECH)),
            Mark::Page(_) => (Spot::Page, None),
            Mark::Zone(zone) => {
                open.outputs = self.console.outputs_of(zone);
                let first = open.outputs.iter().take(Recorder::MOST_CHANNELS);
                (Spot::Outputs(first.copied().collect()), None)
            }
            Mark::Held(call) => {
                let (tx, track) = Recorder::track(desks::RATE, 1);
                self.desks.tape(call, Some(tx));
                open.n_orders += 1;
                return self.recordings.recorder.begin(Order {
                    recording,
                    words: open.words.clone(),
                    rate: None,
                    track,
                });
            }
        };
        if open.has_ended || spot.channels() == 0 {
            return;
        }
        let (tx, track) = Recorder::track(self.console.vitals().rate(), spot.channels());
        if let Err(refusal) = self.console.record(recording, spot, tx) {
            return tracing::error!("nothing is recorded: {refusal}");
        }
        open.n_orders += 1;
        self.recordings.recorder.begin(Order {
            recording,
            words: open.words.clone(),
            rate,
            track,
        });
    }

    /// Lets the caller hear that it will be recorded.
    pub(super) fn greet(&self, call: CallId, sound: Sound) {
        let pcm = match sound {
            Sound::Klaxon => self.klaxon.as_ref(),
            Sound::Stored(id) => self.stock.sound(id),
        };
        if let Some(pcm) = pcm {
            self.legs.play(call, pcm);
        }
    }

    /// The recorder has something to tell.
    pub(super) fn recorder_event(&mut self, event: Event) {
        let input = match event {
            Event::Opened { recording, file } => Input::RecordingOpened { recording, file },
            Event::Finished {
                recording,
                file,
                length,
                lost,
            } => Input::RecordingFinished {
                recording,
                file,
                length,
                lost,
            },
            Event::Over { recording } => {
                if let Some(open) = self.recordings.open.get_mut(&recording) {
                    open.n_orders = open.n_orders.saturating_sub(1);
                }
                return self.forget_recording(recording);
            }
            Event::Health { ok, text } => Input::DiskChanged { ok, text },
            Event::Mended { file } => {
                return tracing::warn!("recording {file} was not finished, and is whole again");
            }
            Event::Swept { n_files, n_bytes } => {
                let n_mb = n_bytes >> 20;
                return tracing::info!("recordings: {n_files} old ones deleted, {n_mb} MB");
            }
        };
        self.inputs.push_back(input);
    }

    /// What the recorder has told since the last turn of the loop.
    pub(super) fn last_words(&mut self) {
        while let Ok(event) = self.recorded.try_recv() {
            self.recorder_event(event);
        }
        self.settle(Instant::now());
    }

    fn forget_recording(&mut self, recording: RecordingId) {
        let open = self.recordings.open.get(&recording);
        if open.is_some_and(|it| it.has_ended && it.n_orders == 0) {
            self.recordings.open.remove(&recording);
            self.inputs.push_back(Input::RecordingOver { recording });
        }
    }
}

/// Enough for the voice of a caller, whatever the engine's rate.
const SPEECH: SampleRate = SampleRate::HZ_16000;
