//! How is the way of sound through this very daemon tried out, and what is told of it?

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Service;
use super::http::tell;
use crate::api::{Answer, Delays, SelfTest, SelfTestWanted, Who, ZoneTested};
use crate::base::{CallId, Db, ZoneSet, feed};
use crate::control::{Demand, Denied, Input, Speech};
use crate::daemon::http::{Errand, name_of, names_of};
use crate::daemon::selftest::{Finding, N_MARKS, Trial, description};
use crate::mix::{Tap, TapMusic};

/// What came of a self-test.
pub(super) struct Tested {
    call: CallId,
    /// Those that it listened at.
    taps: Vec<usize>,
    findings: Vec<Finding>,
    answer: oneshot::Sender<Answer>,
}

impl Service {
    /// It is a page of the lowest rank: the core says whether it may be, and who hears it.
    pub(super) fn asked_to_test(
        &mut self,
        who: &Who,
        wanted: &SelfTestWanted,
        answer: oneshot::Sender<Answer>,
    ) {
        let rule = match self.lexicon().selftest(who, wanted) {
            Ok(rule) => rule,
            Err(unknown) => return tell(answer, Answer::Unknown(unknown)),
        };
        let n_free = self.console.n_taps() - self.groups.n_taps();
        if self.is_tested || rule.zones.len() > n_free {
            return tell(answer, Answer::Denied(Denied::TooMany, Vec::new()));
        }
        let call = self.endpoint.new_call();
        let (zones, level) = (rule.zones, Db(wanted.level_db));
        let speech = Speech {
            call,
            speaker: name_of(who).to_owned(),
            rule,
        };
        let errand = Errand::Test { call, zones, level };
        self.order(who, Demand::Speak(Box::new(speech)), answer, Some(errand));
    }

    /// The core has begun the page.
    pub(super) fn test(
        &mut self,
        call: CallId,
        (zones, level): (ZoneSet, Db),
        answer: oneshot::Sender<Answer>,
    ) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        let from = socket.as_ref().and_then(|it| it.local_addr().ok());
        let to = from.and_then(|from| {
            let description = description(from);
            self.legs.sent_to(call, from.ip(), &description).ok()
        });
        let Some((socket, to)) = socket.zip(to) else {
            let how = "no ports for a self-test".to_owned();
            self.inputs.push_back(Input::CallEnded { call, how });
            return tell(answer, Answer::Denied(Denied::NoSound, Vec::new()));
        };
        let (mut taps, mut ears) = (Vec::new(), Vec::new());
        let rate = self.console.vitals().rate();
        for (nth, zone) in zones.iter().enumerate() {
            // Groups have those at the front.
            let tap = self.console.n_taps() - 1 - nth;
            let at = Tap {
                zones: zone.into(),
                music: TapMusic::Without,
            };
            let (tx, rx) = feed(rate, rate.frames_in(RING));
            if self.console.tap(tap, at, tx).is_ok() {
                taps.push(tap);
                ears.push((zone, rx));
            }
        }
        self.is_tested = true;
        self.hand_over(call);
        let trial = Trial {
            socket,
            to,
            level,
            zones: ears,
        };
        let tested = self.tested_tx.clone();
        tokio::task::spawn_blocking(move || {
            let findings = trial.run().unwrap_or_default();
            // Nobody waits for it when the daemon ends.
            tested
                .send(Tested {
                    call,
                    taps,
                    findings,
                    answer,
                })
                .ok();
        });
    }

    /// Ends the page, and tells.
    pub(super) fn tested(&mut self, tested: Tested) {
        let Tested {
            call,
            taps,
            findings,
            answer,
        } = tested;
        self.is_tested = false;
        for tap in taps {
            self.console.end_tap(tap);
        }
        self.end_leg(call);
        let how = "the self-test is over".to_owned();
        self.inputs.push_back(Input::CallEnded { call, how });
        let zones: Vec<ZoneTested> = findings.iter().map(|it| self.zone_tested(it)).collect();
        for zone in &zones {
            let (n, delay) = (zone.heard, zone.delay_ms.as_ref());
            let delay = delay.map_or_else(String::new, |it| format!(", {:.1} ms late", it.median));
            tracing::info!("self-test: {n} of {N_MARKS} marks in {}{delay}", zone.zone);
        }
        let (marks, carries) = (N_MARKS as u32, |zone: &ZoneTested| zone.heard > 0);
        let ok = !zones.is_empty() && zones.iter().all(carries);
        tell(answer, Answer::Tested(SelfTest { ok, marks, zones }));
    }

    fn zone_tested(&self, finding: &Finding) -> ZoneTested {
        let mut late: Vec<Duration> = finding.late.iter().flatten().copied().collect();
        late.sort_unstable();
        let ms = |it: &Duration| (it.as_secs_f64() * 10_000.0).round() / 10.0;
        let delay_ms = late.first().zip(late.last()).map(|(min, max)| Delays {
            min: ms(min),
            median: ms(&late[late.len() / 2]),
            max: ms(max),
        });
        let name = self.zones.name(finding.zone);
        let zone = names_of(&finding.zone.into(), &self.zones).concat();
        ZoneTested {
            zone,
            heard: late.len() as u32,
            delay_ms,
            has_output: !self.unheard.iter().any(|it| it == name),
        }
    }
}

/// Longer than anything keeps the listener from looking.
const RING: Duration = Duration::from_secs(2);
