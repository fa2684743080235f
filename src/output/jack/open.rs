//! How does a client of a *named* JACK server come to be, and what becomes of one that fails?
//!
//! The jack crate passes no server name on and leaks a client that cannot be activated; both
//! need a few calls below it. libjack keeps one server's memory per process until the last
//! client is closed, so a leaked client would keep us from ever joining the next server.
#![expect(
    unsafe_code,
    reason = "the name of the server is a variadic argument of jack_client_open"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ::jack::{
    AsyncClient, Client, ClientOptions, ClientStatus, LoggerType, NotificationHandler, Port,
    ProcessHandler, jack_sys,
};

use crate::output::error::Error;

/// Whether libjack may start a server when none answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autostart {
    /// Only a server that runs will do.
    No,
    /// As `~/.jackdrc` says, unless `$JACK_NO_START_SERVER` is set.
    Yes,
}

type JackClientOpen =
    unsafe extern "C" fn(*const c_char, c_uint, *mut c_int, ...) -> *mut jack_sys::jack_client_t;

/// Opens a client; `None` leaves the server's name to libjack. The server may append a number to
/// `client_name` to make it unique.
pub fn open(
    client_name: &str,
    server: Option<&str>,
    autostart: Autostart,
) -> Result<Client, Error> {
    let name = CString::new(client_name)
        .map_err(|_| Error::Jack("the client name contains a zero byte".to_owned()))?;
    let server = match server.map(CString::new) {
        None => None,
        Some(Ok(server)) => Some(server),
        Some(Err(_)) => {
            return Err(Error::Jack(
                "the server name contains a zero byte".to_owned(),
            ));
        }
    };
    listen_to_libjack();
    IS_OPENING.store(true, Ordering::Relaxed);
    let opened = call_open(&name, server.as_deref(), autostart);
    IS_OPENING.store(false, Ordering::Relaxed);
    opened
}

fn call_open(name: &CStr, server: Option<&CStr>, autostart: Autostart) -> Result<Client, Error> {
    let library =
        jack_sys::library().map_err(|why| Error::Jack(format!("libjack does not load: {why}")))?;
    let mut options = match autostart {
        Autostart::No => ClientOptions::NO_START_SERVER.bits(),
        Autostart::Yes => 0,
    };
    let mut status: c_int = 0;
    // SAFETY: the type is the one that jack/jack.h declares for this symbol.
    let open = unsafe { library.get::<JackClientOpen>(b"jack_client_open\0") }
        .map_err(|why| Error::Jack(format!("libjack is not usable: {why}")))?;
    let client = match server {
        Some(server) => {
            options |= ClientOptions::SERVER_NAME.bits();
            // SAFETY: the strings end in zero and outlive the call; JackServerName announces
            // exactly one further argument, the server's name.
            unsafe { open(name.as_ptr(), options, &raw mut status, server.as_ptr()) }
        }
        // SAFETY: as above, without a further argument.
        None => unsafe { open(name.as_ptr(), options, &raw mut status) },
    };
    if client.is_null() {
        let status = ClientStatus::from_bits_truncate(status as _);
        return Err(Error::Jack(refusal(status, server)));
    }
    // SAFETY: the pointer is a fresh client that nobody else owns.
    Ok(unsafe { Client::from_raw(client) })
}

fn refusal(status: ClientStatus, server: Option<&CStr>) -> String {
    let server = match server {
        Some(name) => format!("server \"{}\"", name.to_string_lossy()),
        None => "server".to_owned(),
    };
    if status.contains(ClientStatus::SERVER_FAILED) {
        return format!("no {server} answers");
    }
    format!("the {server} refuses a client ({status:?})")
}

/// Starts the process cycle; a client that cannot start is closed.
pub(crate) fn activate<N, P>(
    client: Client,
    notifications: N,
    callback: P,
) -> Result<AsyncClient<N, P>, Error>
where
    N: 'static + Send + Sync + NotificationHandler,
    P: 'static + Send + ProcessHandler,
{
    let raw = client.raw();
    client
        .activate_async(notifications, callback)
        .map_err(|why| {
            if why == ::jack::Error::ClientActivationError {
                // SAFETY: on this error the crate has forgotten the client, so that this is the
                // only owner; the callbacks it was given live for ever, forgotten with it.
                drop(unsafe { Client::from_raw(raw) });
            }
            Error::Jack(format!("the client does not start: {why}"))
        })
}

/// The number that the server gave to a port.
pub(crate) fn uuid<S>(port: &Port<S>) -> u64 {
    // SAFETY: the port was made by a client that is still open, for it was just looked up.
    unsafe { jack_sys::jack_port_uuid(port.raw()) }
}

/// While a server is away, every attempt to reach it would say the same five lines.
static IS_OPENING: AtomicBool = AtomicBool::new(false);

/// Routes what libjack would write to standard output and error into the log.
fn listen_to_libjack() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if jack_sys::library().is_ok() {
            ::jack::set_logger(LoggerType::Custom {
                info: log_info,
                error: log_error,
            });
        }
    });
}

unsafe extern "C" fn log_info(message: *const c_char) {
    // SAFETY: libjack passes a string that ends in zero and lives for the call.
    let message = unsafe { CStr::from_ptr(message) };
    tracing::trace!("libjack: {}", message.to_string_lossy().trim_end());
}

unsafe extern "C" fn log_error(message: *const c_char) {
    // SAFETY: as above.
    let message = unsafe { CStr::from_ptr(message) };
    let message = message.to_string_lossy();
    if IS_OPENING.load(Ordering::Relaxed) {
        tracing::trace!("libjack: {}", message.trim_end());
    } else {
        tracing::debug!("libjack: {}", message.trim_end());
    }
}
