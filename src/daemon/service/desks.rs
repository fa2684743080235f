//! How is carried out what the core decides about calls for programs?

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Service;
use super::http::tell;
use crate::api::{
    self, Answer, CallTold, Drive, Ear, Format, Happening, Joined, Mouth, Stream, Told, Who,
};
use crate::base::CallId;
use crate::config::TestKind;
use crate::control::{Demand, Denied, DeskCall, DeskNews, DriverId, Input, Origin, Party, Pattern};
use crate::daemon::desks::{self, News};
use crate::daemon::http::Errand;
use crate::daemon::lines::{self, MOST_STREAMS};
use crate::daemon::trial;
use crate::media::Key;
use crate::sip;

impl Service {
    /// What a program wants, for the core to decide; or the answer.
    pub(super) fn steer(&mut self, what: Drive) -> Result<Demand, Box<Answer>> {
        let gone = || Box::new(Answer::Denied(Denied::Gone, Vec::new()));
        let call_of = |text: &str| self.http.names.call_of(text).ok_or_else(gone);
        match what {
            Drive::Attach { desk, ear } => {
                let driver = self.desks.attach(desk.clone(), ear.clone());
                for stream in self.desks.lines.of_desk(&desk) {
                    let (is_open, at) = (true, self.http.names.time(Instant::now()));
                    let told = Told::Stream {
                        stream,
                        is_open,
                        at,
                    };
                    self.tell_driver(driver, &ear, told);
                }
                self.inputs.push_back(Input::DriverCame { driver, desk });
                Err(Box::new(Answer::Attached(driver)))
            }
            Drive::Dial { driver, number } => Ok(Demand::Dial {
                call: self.endpoint.new_call(),
                from: Origin::Program(driver),
                number,
            }),
            Drive::Call { desk, number } => Ok(Demand::Dial {
                call: self.endpoint.new_call(),
                from: Origin::Desk(desk),
                number,
            }),
            Drive::Answer { call } => call_of(&call).map(Demand::Answer),
            Drive::Press { call, keys } => Ok(Demand::Press(call_of(&call)?, keys)),
            Drive::Ring {
                desk,
                pattern,
                span,
            } => self.ring_line(desk, pattern, span),
            Drive::Silence { desk } => Ok(Demand::Silence(desk)),
            Drive::LookAt { desk } => {
                let is_registered = self.is_registered(&desk);
                let time = |at| self.http.names.time(at);
                let line = self.desks.lines.now(&desk, is_registered, time);
                Err(Box::new(Answer::Line(Box::new(line))))
            }
            Drive::Open {
                desk,
                format,
                chunk,
            } => Err(Box::new(self.open_stream(desk, format, chunk))),
            Drive::Shut { stream } => Err(match self.desks.lines.shut(&stream) {
                Some(stream) => {
                    self.tell_stream(&stream, false);
                    Box::new(Answer::Done)
                }
                None => gone(),
            }),
        }
    }

    /// A program wants to talk with a call; the ear waits until that is allowed.
    pub(super) fn asked_to_join(
        &mut self,
        who: &Who,
        (call, format): (&str, Format),
        ear: Ear,
        answer: oneshot::Sender<Answer>,
    ) {
        let Some(call) = self.http.names.call_of(call) else {
            return tell(answer, Answer::Denied(Denied::Gone, Vec::new()));
        };
        let errand = Errand::Join { call, format, ear };
        self.order(who, Demand::Join(call), answer, Some(errand));
    }

    /// The core has allowed it.
    pub(super) fn join(&mut self, call: CallId, format: Format, ear: Ear) -> Joined {
        let (driver, is_answered) = self.desks.join(call, ear);
        self.inputs.push_back(Input::DriverJoined { driver, call });
        Joined {
            wire: lines::wire(format),
            mouth: is_answered.then(|| self.mouth(call)),
        }
    }

    /// A way to speak into a call that is answered.
    fn mouth(&self, call: CallId) -> Mouth {
        let (mouth, feed) = desks::mouth();
        self.legs.speak(call, feed);
        mouth
    }

    /// Nothing rings where no adapter is.
    fn ring_line(
        &mut self,
        desk: String,
        pattern: Option<Pattern>,
        span: Duration,
    ) -> Result<Demand, Box<Answer>> {
        if !self.is_registered(&desk) {
            return Err(Box::new(Answer::Denied(Denied::Gone, Vec::new())));
        }
        let mut lines = self.config.lines.iter();
        let line = lines.find(|line| line.section() == desk);
        let pattern = pattern.or_else(|| line?.ring_pattern.clone());
        let call = self.endpoint.new_call();
        Ok(Demand::Ring {
            call,
            desk,
            pattern,
            span,
        })
    }

    /// A further ring has a call of its own.
    pub(super) fn ring_again(&mut self, before: CallId) {
        let call = self.endpoint.new_call();
        self.inputs.push_back(Input::RingsAgain { before, call });
    }

    /// Whether the adapter of a line has.
    fn is_registered(&self, desk: &str) -> bool {
        let mut lines = self.config.lines.iter();
        let line = lines.find(|line| line.section() == desk);
        line.is_some_and(|line| self.endpoint.is_registered(&line.user))
    }

    /// Nobody hears a telephone that is on the hook.
    fn open_stream(&mut self, desk: String, format: Format, chunk: Duration) -> Answer {
        let Some(call) = self.desks.lines.call(&desk) else {
            return Answer::Denied(Denied::Busy, Vec::new());
        };
        if self.desks.lines.n_streams(&desk) >= MOST_STREAMS {
            return Answer::Denied(Denied::TooMany, Vec::new());
        }
        let mouth = self.mouth(call);
        let name = self.http.names.call(call).into();
        let wanted = (format, chunk);
        let stream = self.desks.lines.open(desk, (call, name), wanted, mouth);
        self.tell_stream(&stream, true);
        Answer::Stream(stream)
    }

    fn tell_stream(&mut self, stream: &Stream, is_open: bool) {
        for (driver, ear) in self.desks.of_desk(&stream.desk) {
            let told = Told::Stream {
                stream: stream.clone(),
                is_open,
                at: self.http.names.time(Instant::now()),
            };
            self.tell_driver(driver, &ear, told);
        }
    }

    fn tell_driver(&mut self, driver: DriverId, ear: &Ear, told: Told) {
        if !ear.tell(told) {
            tracing::warn!("http: a program does not read what is told to it, and is dropped");
            self.detach(driver);
        }
    }

    pub(super) fn desk_news(&mut self, news: News) {
        match news {
            News::Gone(driver) => self.detach(driver),
            News::WayOut { call, found } => self.set_out(call, found),
        }
    }

    fn detach(&mut self, driver: DriverId) {
        self.desks.detach(driver);
        self.inputs.push_back(Input::DriverGone { driver });
    }

    /// Answers a call that a program will talk with.
    pub(super) fn hold(&mut self, call: CallId, desk: String) {
        match self.legs.hold(call, &desk) {
            Ok(sdp) => {
                let name = self.http.names.call(call).into();
                self.desks.begin(call, desk, None, name);
                self.endpoint.answer(call, sdp);
            }
            Err(turned) => self.not_answered(call, turned),
        }
    }

    /// Looks for the way to a number; the call goes out once it is found.
    pub(super) fn dial(
        &mut self,
        call: CallId,
        desk: String,
        number: String,
        tone: Option<String>,
    ) {
        let target = desks::target(&self.config, &desk, number, tone);
        let way = self.endpoint.way_out(&target.to, target.account.as_deref());
        let name = self.http.names.call(call).into();
        self.desks.begin(call, desk, Some(target), name);
        let news = self.desks.news();
        tokio::spawn(async move {
            let found = way.await;
            // Nobody waits for it when the program ends.
            news.send(News::WayOut { call, found }).ok();
        });
    }

    fn set_out(&mut self, call: CallId, found: Result<sip::Here, (u16, String)>) {
        // Its program may have gone meanwhile.
        let Some((desk, target)) = self.desks.dialled(call) else {
            return;
        };
        let offer = found.and_then(|here| {
            let offer = self.legs.dial(call, here, &desk);
            offer.map_err(|turned| (turned.status, turned.reason.to_owned()))
        });
        match offer {
            Ok(offer) => {
                let account = target.account.as_deref();
                let wish = target.tone.map_or(sip::Wish::Ring, sip::Wish::RingAs);
                self.endpoint
                    .dial_with(call, &target.to, account, offer, wish);
            }
            Err((status, reason)) => self.call_refused(call, status, reason),
        }
    }

    pub(super) fn call_refused(&mut self, call: CallId, status: u16, reason: String) {
        self.end_leg(call);
        self.inputs.push_back(Input::CallRefused {
            call,
            status,
            reason,
        });
    }

    /// Whom we have dialled has answered.
    pub(super) fn call_answered(&mut self, call: CallId, answer: Option<&str>) {
        let answer = answer.unwrap_or_default();
        match self.legs.late_answer(call, answer) {
            Ok(()) => {
                self.legs.confirm(call);
                self.inputs.push_back(Input::CallAnswered { call });
            }
            Err(refusal) => {
                self.endpoint.hang_up(call, "no common codec");
                let reason = format!("no common codec in the answer ({refusal})");
                self.call_refused(call, NOT_ACCEPTABLE, reason);
            }
        }
    }

    /// Tells the programs that a call is for, and whoever follows events.
    pub(super) fn report(&mut self, desk: &str, to: Party, call: DeskCall, news: &DeskNews) {
        let is_answered = *news == DeskNews::Answered;
        if is_answered {
            self.desks.open(call.call, to);
            self.listen_for_programs(call.call);
            self.try_out(call.call, desk);
        }
        if desk.starts_with("line:") {
            self.desks.lines.follow(desk, &call, news, Instant::now());
        }
        if let DeskNews::Over(_) = news {
            for stream in self.desks.lines.end(call.call) {
                self.tell_stream(&stream, false);
            }
        }
        let id: Arc<str> = self.http.names.call(call.call).into();
        match news {
            DeskNews::Key(key) => self.http.publish(api::News::Dtmf {
                call: id.to_string(),
                desk: desk.to_owned(),
                digit: key.to_string(),
            }),
            DeskNews::Over(parting) => self.http.parted(&id, parting),
            DeskNews::Dials | DeskNews::Rings | DeskNews::Answered => {}
        }
        for (driver, ear) in self.desks.of_call(desk, call.call, to) {
            let told = CallTold {
                desk: desk.to_owned(),
                id: Arc::clone(&id),
                way: call.way,
                number: call.number.clone(),
                dialled: call.dialled.clone(),
                at: self.http.names.time(Instant::now()),
                what: self.happening(call.call, self.desks.has_voice(driver, to), news),
            };
            self.tell_driver(driver, &ear, Told::Call(told));
        }
        if let DeskNews::Over(_) = news {
            self.desks.end(call.call);
        }
    }

    fn happening(&self, call: CallId, has_voice: bool, news: &DeskNews) -> Happening {
        match news {
            DeskNews::Dials => Happening::Dials,
            DeskNews::Rings => Happening::Rings,
            DeskNews::Answered => Happening::Answered(has_voice.then(|| self.mouth(call))),
            DeskNews::Key(key) => Happening::Key(*key),
            DeskNews::Over(parting) => Happening::Over(parting.clone()),
        }
    }

    /// Begins what is heard at a number for tests.
    fn try_out(&self, call: CallId, desk: &str) {
        let mut tests = self.config.tests.iter();
        let kind = tests.find(|it| it.section() == desk).map(|it| it.kind);
        match kind {
            Some(TestKind::Echo) => {
                let (echo, feed) = trial::echo();
                self.legs.speak(call, feed);
                self.desks.echo(call, echo);
            }
            Some(TestKind::Milliwatt) => self.legs.speak(call, trial::milliwatt()),
            None => {}
        }
    }

    /// Gives a voice that is new to the programs of its call, if it has some.
    pub(super) fn listen_for_programs(&mut self, call: CallId) {
        if let Some(tap) = self.desks.tap(call) {
            self.legs.listen(call, tap);
        }
    }

    /// Presses keys at the other side, in the way that it knows.
    pub(super) fn press(&self, call: CallId, keys: &str) {
        let all = keys.chars().map(|digit| Key {
            digit,
            duration: KEY,
        });
        if self.legs.press(call, all.collect()) {
            return;
        }
        for digit in keys.chars() {
            self.endpoint.press(call, digit, KEY);
        }
    }
}

/// RFC 3261 §21.4.26.
const NOT_ACCEPTABLE: u16 = 488;

/// How long a key is held.
const KEY: Duration = Duration::from_millis(100);
