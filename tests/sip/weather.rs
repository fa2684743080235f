//! A network between two of us that loses, repeats, delays and reorders what it carries.
//!
//! ```text
//!  caller 127.1.n.1 ◄──► 127.2.n.2 │ 127.2.n.1 ◄──► 127.1.n.2 called
//!                   it takes for the other what is at 127.2
//! ```
//! Every address in a SIP message is exchanged for its stand-in, as a NAT with an application
//! gateway does, so that all that two ends say to each other comes through here.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::sleep;

/// How bad it is: shares of one, and the longest delay.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) lost: f64,
    pub(crate) doubled: f64,
    pub(crate) delay: Duration,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Caller = 1,
    Called = 2,
}

/// What has become of the datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) n_lost: usize,
    pub(crate) n_doubled: usize,
    pub(crate) n_overtaken: usize,
}

#[derive(Clone)]
pub(crate) struct Network(Arc<Inner>);

struct Inner {
    /// The third byte of all addresses.
    number: u8,
    weather: Weather,
    chance: Mutex<u64>,
    doors: Mutex<HashMap<(Side, u16), Arc<UdpSocket>>>,
    /// SIP messages that contain both texts never arrive.
    banned: Option<[&'static str; 2]>,
    told: Mutex<Vec<String>>,
    n_sent: Mutex<(u64, u64)>,
    fate: Mutex<Fate>,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
        }
    }
}

impl Network {
    /// `number` tells networks of one process apart; the same seed draws the same chances.
    pub(crate) fn new(
        number: u8,
        seed: u64,
        weather: Weather,
        banned: Option<[&'static str; 2]>,
    ) -> Self {
        Self(Arc::new(Inner {
            number,
            weather,
            chance: Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            doors: Mutex::default(),
            banned,
            told: Mutex::default(),
            n_sent: Mutex::default(),
            fate: Mutex::default(),
        }))
    }

    /// Where an end really is.
    pub(crate) fn home(&self, side: Side) -> Ipv4Addr {
        Ipv4Addr::new(127, 1, self.0.number, side as u8)
    }

    /// Where the other end finds it.
    pub(crate) fn stand_in(&self, side: Side) -> Ipv4Addr {
        Ipv4Addr::new(127, 2, self.0.number, side as u8)
    }

    /// Carries what is sent to that port of an end from now on.
    pub(crate) async fn open(&self, side: Side, port: u16) {
        let door = UdpSocket::bind((self.stand_in(side), port)).await.unwrap();
        let door = Arc::new(door);
        let mut doors = self.0.doors.lock().unwrap();
        doors.insert((side, port), door.clone());
        drop(doors);
        let network = self.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_535];
            while let Ok((n, from)) = door.recv_from(&mut buffer).await {
                network.carry(&buffer[..n], from.port(), side, port);
            }
        });
    }

    /// The SIP messages that were given to the network, lost or not.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.told.lock().unwrap().clone()
    }

    pub(crate) fn fate(&self) -> Fate {
        *self.0.fate.lock().unwrap()
    }

    fn carry(&self, datagram: &[u8], from: u16, side: Side, port: u16) {
        let doors = self.0.doors.lock().unwrap();
        let Some(door) = doors.get(&(side.other(), from)).cloned() else {
            return;
        };
        drop(doors);
        let Some(datagram) = self.rewritten(datagram) else {
            return;
        };
        let Weather {
            lost,
            doubled,
            delay,
        } = self.0.weather;
        let mut fate = self.0.fate.lock().unwrap();
        if self.draw() < lost {
            fate.n_lost += 1;
            return;
        }
        let copies = if self.draw() < doubled { 2 } else { 1 };
        fate.n_doubled += copies - 1;
        drop(fate);
        let to = SocketAddr::from((self.home(side), port));
        for _ in 0..copies {
            let (door, datagram) = (door.clone(), datagram.clone());
            let (network, pause) = (self.clone(), delay.mul_f64(self.draw()));
            let number = self.next_number();
            tokio::spawn(async move {
                sleep(pause).await;
                network.arrived(number);
                // An end that has closed its socket hears nothing.
                let _ = door.send_to(&datagram, to).await;
            });
        }
    }

    /// A SIP message with the addresses of the other side of the network; `None` if banned.
    fn rewritten(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        if !datagram.first().is_some_and(u8::is_ascii_alphabetic) {
            return Some(datagram.to_vec());
        }
        let text = String::from_utf8(datagram.to_vec()).unwrap();
        self.0.told.lock().unwrap().push(text.clone());
        if self
            .0
            .banned
            .is_some_and(|all| all.iter().all(|part| text.contains(part)))
        {
            return None;
        }
        let number = self.0.number;
        let (real, seen) = (format!("127.1.{number}."), format!("127.2.{number}."));
        let parts: Vec<_> = text
            .split(&real)
            .map(|part| part.replace(&seen, &real))
            .collect();
        Some(parts.join(&seen).into_bytes())
    }

    fn next_number(&self) -> u64 {
        let mut sent = self.0.n_sent.lock().unwrap();
        sent.0 += 1;
        sent.0
    }

    fn arrived(&self, number: u64) {
        let mut sent = self.0.n_sent.lock().unwrap();
        if number < sent.1 {
            self.0.fate.lock().unwrap().n_overtaken += 1;
        }
        sent.1 = sent.1.max(number);
    }

    /// 0 up to 1, evenly.
    fn draw(&self) -> f64 {
        let mut chance = self.0.chance.lock().unwrap();
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        (*chance >> 11) as f64 / (1_u64 << 53) as f64
    }
}
