//! What does it mean when something happens at the edge?

use std::time::Instant;

use super::Service;
use crate::base::CallId;
use crate::config::{Account, Backend};
use crate::control::{Input, KeyWay};
use crate::daemon::legs::Turned;
use crate::daemon::words;
use crate::page::Wish;
use crate::{net, output, sip};

impl Service {
    pub(super) fn sip_event(&mut self, event: sip::Event, now: Instant) {
        self.rest.disturb(now);
        match event {
            sip::Event::Incoming {
                call,
                caller,
                dialled,
                source,
                reach,
                here,
                offer,
                auto_answer,
                account: by,
                user,
            } => {
                let wish = Wish {
                    number: dialled.clone(),
                    account: by.clone(),
                    caller: caller.user.clone(),
                    origin: words::origin(user.as_deref(), by.as_deref(), &caller, source.ip()),
                    user,
                };
                let caller = words::caller(&caller);
                let account = by.as_deref().and_then(|name| self.account(name));
                if account.is_some_and(|account| !account.answers(&dialled)) {
                    return self.no_such_number(call, &caller, &dialled);
                }
                let dialled = words::dialled(&dialled, self.named(account));
                let from = (source.ip(), reach);
                match self.legs.arrive(call, offer, here, from, by.as_deref()) {
                    Ok(()) => self.inputs.push_back(Input::CallArrived {
                        call,
                        caller,
                        dialled,
                        wish,
                        auto_answer: auto_answer.is_some(),
                    }),
                    Err(turned) => {
                        tracing::warn!(
                            target: "call",
                            "call {call} from {caller} to {dialled}: refused, {} {}: {}",
                            turned.status,
                            turned.reason,
                            turned.warning.as_deref().unwrap_or("")
                        );
                        self.turn_away(call, turned);
                    }
                }
            }
            sip::Event::Reached { call } => self.legs.reached(call),
            sip::Event::Confirmed { call, answer } => self.confirmed(call, answer.as_deref()),
            sip::Event::Reoffer { call, offer } => {
                match self.legs.reoffer(call, offer.as_deref()) {
                    Ok(answer) => self.endpoint.answer_offer(call, Ok(answer)),
                    Err(Turned {
                        status, warning, ..
                    }) => self.endpoint.refuse_offer(call, status, warning),
                }
                self.hand_over(call);
            }
            // Only what keeps the session alive is offered by us: the peer may have moved.
            sip::Event::Reanswered { call, answer } => {
                let agreed = answer.map(|sdp| self.legs.late_answer(call, &sdp));
                self.hand_over(call);
                if let Ok(Err(refusal)) = agreed {
                    tracing::warn!(
                        target: "call",
                        "call {call}: the answer to a refresh cannot be used: {refusal}"
                    );
                }
            }
            sip::Event::Replaced { call, caller } => {
                let who = words::caller(&caller);
                tracing::info!(target: "call", "call {call}: taken over by {who}");
            }
            sip::Event::Ended { call, how, reason } => {
                let told = words::ended(&how, reason.as_ref());
                let told = match self.desks.dialled(call) {
                    Some(_) => told.replacen("caller", "the other side", 1),
                    None => told,
                };
                self.call_over(call, told);
            }
            sip::Event::Account { name, state } => {
                self.inputs.extend(words::account(name, state));
            }
            sip::Event::User { name, state } => {
                self.door.handle_user(&name, state);
                tracing::info!("sip: {}", words::user(&name, state));
            }
            sip::Event::Guard(notice) => {
                self.door.handle_notice(&notice);
                tracing::warn!("sip: {}", words::guard(&notice));
            }
            sip::Event::Key { call, digit, .. } => {
                self.key_pressed(call, digit, KeyWay::Signalling);
            }
            // What a program's call sounds like before it is answered, nobody needs to hear.
            sip::Event::Ringing { .. }
            | sip::Event::EarlyMedia { .. }
            | sip::Event::KeyRefused { .. } => {}
            sip::Event::Answered { call, answer } => self.call_answered(call, answer.as_deref()),
            sip::Event::Refused {
                call,
                status,
                reason,
                ..
            } => self.call_refused(call, status, reason),
        }
    }

    fn account(&self, name: &str) -> Option<&Account> {
        let mut accounts = self.config.sip.accounts();
        accounts.find(|account| account.name == name)
    }

    /// The name of an account, where there are several.
    fn named<'a>(&self, account: Option<&'a Account>) -> Option<&'a str> {
        let are_several = self.config.sip.accounts().nth(1).is_some();
        account.filter(|_| are_several).map(|a| a.name.as_str())
    }

    fn no_such_number(&self, call: CallId, caller: &str, dialled: &str) {
        tracing::warn!(
            target: "call",
            "call {call} from {caller} to {dialled}: refused, 404: not one of the extensions"
        );
        self.endpoint.refuse(call, 404, "", None, None);
    }

    fn confirmed(&mut self, call: CallId, answer: Option<&str>) {
        let agreed = answer.map_or(Ok(()), |sdp| self.legs.late_answer(call, sdp));
        match agreed {
            Ok(()) => {
                self.legs.confirm(call);
                self.inputs.push_back(Input::CallConfirmed { call });
                self.hand_over(call);
            }
            Err(refusal) => {
                self.endpoint.hang_up(call, "no common codec");
                let how = format!("no common codec in the answer ({refusal})");
                self.call_over(call, how);
            }
        }
    }

    /// Which key is not written down: it may be of a PIN.
    fn key_pressed(&mut self, call: CallId, key: char, way: KeyWay) {
        tracing::debug!("call {call}: a key, {way:?}");
        self.inputs.push_back(Input::Key { call, key, way });
    }

    fn call_over(&mut self, call: CallId, how: String) {
        self.end_leg(call);
        self.inputs.push_back(Input::CallEnded { call, how });
    }

    pub(super) fn turn_away(&mut self, call: CallId, turned: Turned) {
        self.legs.end(call);
        self.endpoint
            .refuse(call, turned.status, turned.reason, turned.warning, None);
    }

    pub(super) fn net_event(&mut self, event: net::Event) {
        match event {
            net::Event::FirstPacket { call, from, .. } => {
                tracing::debug!("call {call}: audio comes from {from}");
                self.inputs.push_back(Input::CallHeard { call });
            }
            net::Event::Sounds { call } => self.inputs.push_back(Input::CallSounds { call }),
            net::Event::Silent { call, .. } => self.inputs.push_back(Input::CallSilent { call }),
            net::Event::Key { call, key } => {
                self.key_pressed(call, key.digit, KeyWay::Sound);
            }
            net::Event::Played { call, .. } => self.inputs.push_back(Input::Performed { call }),
            net::Event::Said { call, pieces } => self.prepare_take(call, pieces),
            net::Event::LetGo { call, how } => {
                if self.microphones.over(call, &how) {
                    self.inputs.push_back(Input::CallEnded { call, how });
                }
            }
            net::Event::Left {
                call,
                sent,
                n_received,
                n_foreign,
                n_unproven,
                ..
            } => {
                let heard = words::listened(&sent, n_received, n_foreign, n_unproven);
                tracing::info!("call {call}: {heard}");
            }
            net::Event::Closed {
                call,
                report,
                n_foreign,
                n_unproven,
                ..
            } => {
                self.http.tally.report(&report);
                let audio = words::audio(&report, n_foreign, n_unproven);
                tracing::info!("call {call}: {audio}");
            }
        }
    }

    /// Tells of each zone once that nobody hears it, and once that it is heard again.
    fn zones_unheard(&mut self, unheard: Vec<String>) {
        for name in unheard.iter().filter(|name| !self.unheard.contains(name)) {
            let text = "nothing that is there matches, so nobody hears this zone; \
                        paging --dump-jack-ports and --dump-devices list what is there";
            let remark = self
                .config
                .mistake(&format!("zone:{name}"), "outputs", text);
            tracing::warn!("{remark}");
        }
        for name in self.unheard.iter().filter(|name| !unheard.contains(name)) {
            if self.zones.id(name).is_some() {
                tracing::info!("zone {name} has an output again");
            }
        }
        self.unheard = unheard;
    }

    pub(super) fn output_event(&mut self, event: output::Event) {
        self.http.is_stale = true;
        match event {
            output::Event::Up {
                backend,
                rate,
                period,
                described,
            } => {
                tracing::info!("sound: {described} ({backend}, {rate}, {period} frames a period)");
                let is_hoped_for =
                    self.config.audio.backend == Backend::Auto && self.config.groups_out.is_empty();
                self.is_unheard = backend == "timer" && is_hoped_for;
                if self.is_unheard {
                    tracing::warn!(
                        "sound: nobody hears the calls: neither JACK nor a sound card is there; \
                         with backend = jack or device, calls would be refused"
                    );
                }
                self.console.set_rate(rate);
                self.groups.set_rate(rate, &mut self.console);
                self.play_music();
                self.inputs.push_back(Input::SoundUp);
            }
            output::Event::Down { why } => self.inputs.push_back(Input::SoundDown { why }),
            output::Event::Routes {
                routes,
                described,
                unheard,
                sources,
            } => {
                for line in described {
                    tracing::info!("sound: {line}");
                }
                self.music_of_jack(sources);
                if let Err(refusal) = self.console.route(routes) {
                    tracing::error!("sound: {refusal}");
                }
                self.follow_outputs();
                let (zones, groups) = (&self.zones, &self.groups);
                let is_sent =
                    |name: &String| zones.id(name).is_some_and(|id| groups.carries(id.into()));
                let unheard = unheard.into_iter().filter(|name| !is_sent(name));
                self.zones_unheard(unheard.collect());
            }
            output::Event::Retrying { after } => {
                tracing::debug!("sound: trying again every {after:?}");
            }
            output::Event::Card { device, ok, text } => {
                let name = device;
                self.inputs.push_back(Input::CardChanged { name, ok, text });
            }
            output::Event::CardGone { device } => {
                self.inputs.push_back(Input::CardGone { name: device });
            }
            output::Event::Xrun { count } => tracing::warn!("sound: late {count} times (xrun)"),
        }
    }
}
