//! How is the SIP side started, spoken to and stopped?

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use rsipstack::EndpointBuilder;
use rsipstack::platform::CancellationToken;
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::connection::TransportReceiver;
use rsipstack::transport::transport_layer::DomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::base::CallId;
use crate::sip::account::registering;
use crate::sip::account::registrars::Registrars;
use crate::sip::call::chorus::{self, Legs};
use crate::sip::call::dialling;
use crate::sip::call::plan::{Dial, Plan, Wish};
use crate::sip::counts::{Counters, Counts};
use crate::sip::door::doors::Doors;
use crate::sip::entry::intake::Intake;
use crate::sip::error::Error;
use crate::sip::event::{Event, Here};
use crate::sip::finding::names::Names;
use crate::sip::hub::{Calls, Command, Hub, Manner, Refusal};
use crate::sip::incoming;
use crate::sip::settings::{Account, Callers, Listen, Presence, Settings, Timing, Transport};
use crate::sip::sight::trace::Trace;
use crate::sip::wire::acks::{Acks, Watch};
use crate::sip::wire::flow::Hop;
use crate::sip::wire::local;
use crate::sip::wire::mark::Mark;
use crate::sip::wire::stream::{self, Streams};
use crate::sip::wire::tls::Identity;
use crate::sip::wire::wires::Wires;

/// The SIP side: its listeners, accounts and calls.
///
/// Nothing here waits; what is asked for happens in tasks on the runtime that `start` was called
/// on, and shows as events. Dropping it without `stop` leaves peers to find out by themselves.
pub struct Endpoint {
    hub: Arc<Hub>,
    accounts: Mutex<BTreeMap<String, Keeper>>,
    listening: Vec<Listen>,
    trace: Arc<Trace>,
    identity: Arc<Identity>,
    mark: Arc<Mark>,
    listeners: Vec<JoinHandle<()>>,
}

/// The task that keeps an account registered.
struct Keeper {
    account: Account,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Binds all listeners and starts to register all accounts.
    ///
    /// # Errors
    /// The address that cannot be had; then nothing is left bound.
    pub async fn start(
        settings: Settings,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, Error> {
        let manner = RwLock::new(Manner::of(&settings));
        let counters = Arc::new(Counters::default());
        let trace = Arc::new(Trace::new(counters.clone()));
        let doors = Arc::new(Doors::new(events.clone(), counters.clone()));
        doors.configure(settings.callers);
        let identity = Arc::new(Identity::new(settings.tls.clone()));
        if settings
            .listen
            .iter()
            .any(|l| l.transport == Transport::Tls)
        {
            identity
                .check()
                .map_err(|why| Error::Tls(why.to_string()))?;
        }
        let mark = Arc::new(Mark::new(settings.dscp));
        let wires = bind_datagrams(&settings.listen, &mark, &doors, &trace, &counters)?;
        let listeners = bind_streams(&settings.listen, &mark)?;
        let listening = listening(&wires, &listeners);
        write_trace(&trace, settings.trace.as_deref())?;
        let closing = CancellationToken::new();
        let streams = Streams::new(
            doors.clone(),
            trace.clone(),
            counters.clone(),
            closing.clone(),
            identity.clone(),
            mark.clone(),
            settings.caps,
        );
        let (opened, new_streams) = mpsc::unbounded_channel();
        let (fork, forks) = mpsc::unbounded_channel();
        let acks = Arc::new(Acks::new(settings.timing.t1 * 64, fork));
        let datagrams =
            UdpConnection::from_socket(wires.clone(), None, Some(closing.child_token())).await;
        let datagrams = SipConnection::Udp(datagrams.map_err(stack_error)?);
        let transports =
            TransportLayer::new_with_domain_resolver(closing.clone(), Box::new(NoNames));
        transports.add_transport(datagrams.clone());
        let (to_stack, taken) = mpsc::unbounded_channel();
        transports.add_connection(intake_of(taken, &closing).await?);
        let intake = Intake {
            connection: datagrams.clone(),
            transport: rsipstack::sip::Transport::Udp,
            to_stack,
            counters: counters.clone(),
        };
        tokio::spawn(wires.clone().serve(intake, closing.clone()));
        let stack = EndpointBuilder::new()
            .with_user_agent(&settings.user_agent)
            .with_transport_layer(transports)
            .with_cancel_token(closing.clone())
            .with_option(option(settings.timing))
            .with_transport_inspector(Box::new(Watch(acks.clone())))
            .build();
        let requests = stack.incoming_transactions().map_err(stack_error)?;
        let hub = Arc::new(Hub {
            stack: stack.inner.clone(),
            datagrams,
            wires,
            streams: streams.clone(),
            events,
            manner,
            timing: settings.timing,
            caps: settings.caps,
            calls: Calls::default(),
            legs: Legs::default(),
            acks,
            names: Names::new(settings.name_server),
            unwell: Mutex::default(),
            registrars: Registrars::default(),
            doors: doors.clone(),
            counters,
            closing,
            stopping: false.into(),
            last_call: AtomicU64::new(0),
        });
        let until = hub.closing.clone();
        tokio::spawn(async move { doors.run(until).await });
        tokio::spawn(async move { stack.inner.serve().await });
        tokio::spawn(incoming::run(hub.clone(), requests, new_streams, forks));
        let serve = |(transport, listener)| {
            stream::serve(listener, transport, streams.clone(), opened.clone())
        };
        let listeners = listeners.into_iter().map(|it| tokio::spawn(serve(it)));
        let endpoint = Self {
            listeners: listeners.collect(),
            hub,
            accounts: Mutex::default(),
            listening,
            trace,
            identity,
            mark,
        };
        endpoint.set_accounts(settings.accounts);
        Ok(endpoint)
    }

    /// Where calls are taken, with the ports really bound.
    pub fn listening(&self) -> &[Listen] {
        &self.listening
    }

    /// Tells the caller that it rings (180); it may be repeated.
    pub fn ringing(&self, call: CallId) {
        self.hub.calls.command(call, Command::Ringing);
    }

    /// Lets the caller hear something before the answer (183 with an SDP answer): send the
    /// sound once this is called. A caller who brought no offer only hears ringing.
    ///
    /// The SDP given to `answer` later must be the same.
    pub fn early_media(&self, call: CallId, sdp: String) {
        self.hub.calls.command(call, Command::EarlyMedia(sdp));
    }

    /// Answers an incoming call (200) with an SDP answer, or with our offer if it brought none.
    pub fn answer(&self, call: CallId, sdp: String) {
        self.hub.calls.command(call, Command::Answer(sdp));
    }

    /// Refuses an incoming call with a status of 300 to 699; an empty reason stands for the
    /// usual text. The warning is a text for people to read, or a whole Warning value.
    pub fn refuse(
        &self,
        call: CallId,
        status: u16,
        reason: &str,
        warning: Option<String>,
        retry_after: Option<Duration>,
    ) {
        let refusal = Refusal {
            status,
            reason: reason.to_owned(),
            warning,
            retry_after,
        };
        self.hub.calls.command(call, Command::Refuse(refusal));
    }

    /// Ends a call in whatever state it is; the reason goes into a Reason header.
    pub fn hang_up(&self, call: CallId, reason: &str) {
        let command = Command::HangUp(reason.to_owned());
        self.hub.calls.command(call, command);
    }

    /// Answers an `Event::Reoffer`: the SDP for a 200, or a status such as 488, after which the
    /// old session goes on.
    pub fn answer_offer(&self, call: CallId, answer: Result<String, u16>) {
        let refusal = |status| Refusal {
            status,
            ..Refusal::default()
        };
        let command = Command::AnswerOffer(answer.map_err(refusal));
        self.hub.calls.command(call, command);
    }

    /// Refuses an `Event::Reoffer` with a Warning that tells people why, as `refuse` has it.
    pub fn refuse_offer(&self, call: CallId, status: u16, warning: Option<String>) {
        let refusal = Refusal {
            status,
            warning,
            ..Refusal::default()
        };
        let command = Command::AnswerOffer(Err(refusal));
        self.hub.calls.command(call, command);
    }

    /// Offers the peer of an answered call another session: a hold, another address or codec.
    /// `Event::Reanswered` follows, after a wait if the peer wants a change at the same time.
    pub fn offer(&self, call: CallId, sdp: String) {
        self.hub.calls.command(call, Command::Offer(sdp));
    }

    /// A call id that was never used, for `dial`.
    pub fn new_call(&self) -> CallId {
        self.hub.new_call()
    }

    /// Calls a SIP URI, `user@host`, or a number at the account's domain, with an SDP offer;
    /// without an account, the name of a user of ours is a call to all its phones.
    pub fn dial(&self, call: CallId, target: &str, account: Option<&str>, sdp: String) {
        self.dial_with(call, target, account, sdp, Wish::Ring);
    }

    /// As `dial`, but says whether the phone shall ring or pick up by itself.
    pub fn dial_with(
        &self,
        call: CallId,
        target: &str,
        account: Option<&str>,
        sdp: String,
        wish: Wish,
    ) {
        let dial = Dial {
            call,
            target: target.to_owned(),
            account: account.map(str::to_owned),
            offer: sdp,
            wish,
            phone: None,
        };
        chorus::dial(&self.hub, dial);
    }

    /// From where a call to that target would go out, for the offer that `dial` takes.
    ///
    /// # Errors
    /// The SIP status of a call that cannot go out, and why.
    pub fn way_out(
        &self,
        target: &str,
        account: Option<&str>,
    ) -> impl Future<Output = Result<Here, (u16, String)>> + Send + 'static {
        let hub = self.hub.clone();
        let dial = Dial {
            call: CallId(0),
            target: target.to_owned(),
            account: account.map(str::to_owned),
            offer: String::new(),
            wish: Wish::Ring,
            phone: None,
        };
        async move {
            let plan = Plan::of(&hub, &dial)?;
            let found = dialling::set_out(&hub, &plan).await;
            let (way, _) = found.map_err(|why| (UNREACHABLE, why))?;
            Ok(way.0.here())
        }
    }

    /// Whether a user of ours has registered.
    pub fn is_registered(&self, user: &str) -> bool {
        let found = self.hub.doors.find(user);
        found.is_ok_and(|phones| !phones.is_empty())
    }

    /// Presses a key in an answered call, told by INFO; those before it go first.
    /// `Event::KeyRefused` follows if the peer does not want it. Keys as RFC 4733 events are a
    /// matter of the media.
    pub fn press(&self, call: CallId, digit: char, length: Duration) {
        let command = Command::Press(digit, length);
        self.hub.calls.command(call, command);
    }

    /// Goes on with another external address, session timer, mark and certificates; calls and
    /// connections that are there keep theirs. Nothing else of the settings counts.
    pub fn adapt(&self, settings: &Settings) {
        let has_moved = self.hub.external() != settings.external_address;
        self.hub.set_manner(Manner::of(settings));
        if has_moved {
            self.register_anew();
        }
        self.mark.set(settings.dscp);
        self.hub.wires.mark(&self.mark);
        let listens = self.listening.iter().any(|l| l.transport == Transport::Tls);
        self.identity.change(settings.tls.clone(), listens);
    }

    /// Lets others in from now on; calls that are there go on.
    pub fn set_callers(&self, callers: Callers) {
        self.hub.doors.configure(callers);
    }

    /// Writes every message to a capture file from now on, or to none.
    ///
    /// # Errors
    /// The file cannot be made; then nothing is traced.
    pub fn set_trace(&self, path: Option<&Path>) -> Result<(), Error> {
        write_trace(&self.trace, path)
    }

    /// Registers what is new or changed, un-registers what is gone, and leaves the rest alone.
    pub fn set_accounts(&self, accounts: Vec<Account>) {
        let mut keepers = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *keepers);
        for account in accounts {
            let name = account.name.clone();
            let before = old.remove(&name);
            let keeper = match before {
                Some(keeper) if keeper.account == account => keeper,
                Some(keeper) => self.keep(account, keeper.leave()),
                None => self.keep(account, None),
            };
            keepers.insert(name, keeper);
        }
        for (name, keeper) in old {
            self.hub.registrars.remove(&name);
            drop(keeper.leave());
        }
    }

    /// Registrars must hear of another address of ours.
    fn register_anew(&self) {
        let mut keepers = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, keeper) in std::mem::take(&mut *keepers) {
            let account = keeper.account.clone();
            keepers.insert(name, self.keep(account, keeper.leave()));
        }
    }

    fn keep(&self, account: Account, after: Option<JoinHandle<()>>) -> Keeper {
        let (stop, stopped) = oneshot::channel();
        self.hub.registrars.insert(account.clone());
        let (hub, kept) = (self.hub.clone(), account.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = after {
                // The old binding must be gone before the new one is made.
                let _ = before.await;
            }
            if kept.presence == Presence::Registered {
                registering::keep(hub, kept, stopped).await;
            }
        });
        Keeper {
            account,
            stop,
            task,
        }
    }

    /// Hangs up all calls and un-registers all accounts; takes 1.5 s at most, then closes.
    pub async fn stop(mut self) {
        self.hub.stopping.store(true, Ordering::Relaxed);
        self.hub.calls.command_all(|| Command::Stop);
        let keepers =
            std::mem::take(&mut *self.accounts.lock().unwrap_or_else(PoisonError::into_inner));
        let leaving: Vec<_> = keepers.into_values().filter_map(Keeper::leave).collect();
        let all = async {
            for task in leaving {
                let _ = task.await;
            }
            self.hub.calls.empty().await;
        };
        // Who does not answer by then finds out by timeout.
        let _ = timeout(STOP_FOR, all).await;
        sleep(FLUSH_FOR).await;
        self.hub.closing.cancel();
        for listener in self.listeners.drain(..) {
            // Its port is free once it is over.
            let _ = listener.await;
        }
    }

    /// The address that this machine sends from towards `remote`.
    pub fn local_address_for(remote: SocketAddr) -> IpAddr {
        local::towards_or_loopback(remote)
    }

    /// Where a SIP URI or `host[:port]` leads first, as the name servers of this machine say.
    ///
    /// # Errors
    /// What cannot be found, in words for a person.
    pub async fn locate(target: &str) -> Result<SocketAddr, String> {
        let found = Names::new(None).locate(&Hop::parse(target, None)?).await?;
        let first = found.first().map(|server| server.address);
        first.ok_or_else(|| format!("\"{target}\" has no address"))
    }

    /// The address to put into SDP for a peer: `external_address` where it applies.
    pub fn address_for(&self, remote: SocketAddr) -> IpAddr {
        let local = SocketAddr::new(local::towards_or_loopback(remote), 0);
        self.hub.advertised(remote, local).ip()
    }

    /// Dialogs that are known now; zero when no call is left.
    pub fn n_dialogs(&self) -> usize {
        self.hub.calls.n_dialogs()
    }

    /// Transactions that are kept, the ones that are over and wait for late repeats included;
    /// zero some 64 × T1 after the last call.
    pub fn n_transactions(&self) -> usize {
        let stats = self.hub.stack.get_stats();
        stats.running_transactions + stats.finished_transactions + stats.waiting_ack
    }

    /// What has arrived since the start.
    pub fn counts(&self) -> Counts {
        self.hub.counters.snapshot()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.hub.calls.command_all(|| Command::Stop);
        self.hub.closing.cancel();
        self.hub.wires.close();
    }
}

impl Keeper {
    /// Starts the end of the registration; the task is over once it is taken back.
    fn leave(self) -> Option<JoinHandle<()>> {
        // A task that is over already does not listen.
        self.stop.send(()).ok().map(|()| self.task)
    }
}

fn write_trace(trace: &Trace, path: Option<&Path>) -> Result<(), Error> {
    trace.write_to(path).map_err(|why| Error::Trace {
        path: path.unwrap_or(Path::new("")).to_owned(),
        why,
    })
}

fn bind_datagrams(
    listen: &[Listen],
    mark: &Mark,
    doors: &Arc<Doors>,
    trace: &Arc<Trace>,
    counters: &Arc<Counters>,
) -> Result<Arc<Wires>, Error> {
    let (doors, trace, counters) = (doors.clone(), trace.clone(), counters.clone());
    let addresses = addresses(listen, Transport::Udp);
    let wires = Wires::bind(&addresses, mark, doors, trace, counters);
    let wires = wires.map_err(|(address, why)| Error::listen(Transport::Udp, address, why))?;
    Ok(Arc::new(wires))
}

fn bind_streams(listen: &[Listen], mark: &Mark) -> Result<Vec<(Transport, TcpListener)>, Error> {
    let streams = listen.iter().filter(|l| l.transport != Transport::Udp);
    streams
        .map(|listen| {
            let (transport, address) = (listen.transport, listen.address);
            let listener = stream::bind(address, mark);
            let listener = listener.map_err(|why| Error::listen(transport, address, why))?;
            Ok((transport, listener))
        })
        .collect()
}

fn addresses(listen: &[Listen], transport: Transport) -> Vec<SocketAddr> {
    let of_transport = listen.iter().filter(|l| l.transport == transport);
    of_transport.map(|l| l.address).collect()
}

/// What stands for all datagrams that arrive; it has no address of its own.
async fn intake_of(
    taken: TransportReceiver,
    closing: &CancellationToken,
) -> Result<SipConnection, Error> {
    let (unused, _) = mpsc::unbounded_channel();
    let nowhere = SipAddr {
        r#type: Some(rsipstack::sip::Transport::Udp),
        addr: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into(),
    };
    let closing = Some(closing.child_token());
    let channel = ChannelConnection::create_connection(taken, unused, nowhere, closing).await;
    channel.map(SipConnection::Channel).map_err(stack_error)
}

fn listening(wires: &Wires, listeners: &[(Transport, TcpListener)]) -> Vec<Listen> {
    let datagrams = wires.bound().into_iter().map(|address| Listen {
        transport: Transport::Udp,
        address,
    });
    let streams = listeners.iter().filter_map(|(transport, listener)| {
        let address = listener.local_addr().ok()?;
        let transport = *transport;
        Some(Listen { transport, address })
    });
    datagrams.chain(streams).collect()
}

fn option(timing: Timing) -> EndpointOption {
    EndpointOption {
        t1: timing.t1,
        t2: timing.t1 * 8,
        t4: timing.t1 * 10,
        t1x64: timing.t1 * 64,
        // Timer C is a proxy's; how long it may ring is the application's to say.
        timerc: Duration::from_secs(24 * 3_600),
        // The ACK for a 2xx is ours to make: see acks.rs.
        auto_ack_2xx: false,
        ..EndpointOption::default()
    }
}

fn stack_error(why: rsipstack::Error) -> Error {
    Error::Stack(why.to_string())
}

/// The stack never looks names up: it would do so for answers, on behalf of strangers, while
/// nothing else is received.
struct NoNames;

#[async_trait]
impl DomainResolver for NoNames {
    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        Err(rsipstack::Error::DnsResolutionError(target.to_string()))
    }
}

/// No way leads there (RFC 3261 §21.5.4).
const UNREACHABLE: u16 = 503;

/// Half of what a service manager grants before it kills, with room for the rest of the daemon.
const STOP_FOR: Duration = Duration::from_millis(1_500);

/// Last answers are still on their way to the socket when the call that gave them is over.
const FLUSH_FOR: Duration = Duration::from_millis(20);
