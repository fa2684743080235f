//! How do many datagrams to many places leave in one system call?

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

/// Datagrams that wait to be sent from one socket.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each datagram ends in `bytes`, and where it goes.
    parts: Vec<(usize, SockAddr)>,
}

impl Batch {
    /// Adds a datagram behind the others.
    pub(super) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.parts.push((self.bytes.len(), to.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends all in their order and forgets them. Returns how many the system did not take: they
    /// are lost like any on the way.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        let n_refused = send_all(socket, &mut self.bytes, &self.parts);
        self.bytes.clear();
        self.parts.clear();
        n_refused
    }
}

fn send_all(socket: BorrowedFd<'_>, bytes: &mut [u8], parts: &[(usize, SockAddr)]) -> usize {
    let mut n_done = 0;
    let mut n_refused = 0;
    while n_done < parts.len() {
        let end = parts.len().min(n_done + MOST);
        match send_some(socket, bytes, parts, n_done..end) {
            Ok(n) => n_done += n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            // The socket is full: what is late already would only come later.
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                return n_refused + parts.len() - n_done;
            }
            // The error is about the first of them: it cannot be sent there.
            Err(_) => {
                n_refused += 1;
                n_done += 1;
            }
        }
    }
    n_refused
}

/// Sends the first of these parts, as many as the system takes, at least one.
#[expect(unsafe_code, reason = "sendmmsg is offered to C only")]
fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    parts: &[(usize, SockAddr)],
    range: std::ops::Range<usize>,
) -> io::Result<usize> {
    let mut start = range
        .start
        .checked_sub(1)
        .map_or(0, |before| parts[before].0);
    let mut pieces: Vec<libc::iovec> = Vec::with_capacity(range.len());
    for (end, _) in &parts[range.clone()] {
        let piece = &mut bytes[start..*end];
        pieces.push(libc::iovec {
            iov_base: piece.as_mut_ptr().cast(),
            iov_len: piece.len(),
        });
        start = *end;
    }
    let mut messages: Vec<libc::mmsghdr> = Vec::with_capacity(range.len());
    for ((_, to), piece) in parts[range].iter().zip(&mut pieces) {
        // SAFETY: all zero is a valid msghdr: no name, no pieces, no control data.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len();
        header.msg_iov = piece;
        header.msg_iovlen = 1;
        messages.push(libc::mmsghdr {
            msg_hdr: header,
            msg_len: 0,
        });
    }
    // SAFETY: names, pieces and messages live until the end of this function, the bytes of the
    // caller longer; the kernel only reads them, but for `msg_len`, which is ours.
    let n = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            messages.len() as libc::c_uint,
            0,
        )
    };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// What the kernel takes in one call (UIO_MAXIOV).
const MOST: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    #[test]
    fn all_arrive_in_order_and_one_that_cannot_go_holds_up_no_other() {
        let from = UdpSocket::bind("127.80.79.90:0").unwrap();
        let to: Vec<_> = (0..2)
            .map(|_| UdpSocket::bind("127.80.79.90:0").unwrap())
            .collect();
        let mut batch = Batch::default();
        for i in 0..60_u8 {
            let address = to[usize::from(i % 2)].local_addr().unwrap();
            batch.push(address, &vec![i; usize::from(i) + 1]);
        }
        // Nobody may send to everybody without asking to.
        batch.push("255.255.255.255:9".parse().unwrap(), &[1]);
        batch.push(to[0].local_addr().unwrap(), &[60]);
        assert_eq!(batch.send(from.as_fd()), 1);
        assert!(batch.is_empty());
        let mut buffer = [0; 100];
        for (socket, expected) in to.iter().zip([31, 30]) {
            socket
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let mut last = None;
            for _ in 0..expected {
                let n = socket.recv(&mut buffer).unwrap();
                assert!(last < Some(buffer[0]));
                last = Some(buffer[0]);
                assert!(n == usize::from(buffer[0]) + 1 || buffer[0] == 60);
            }
        }
        assert_eq!(batch.send(from.as_fd()), 0, "nothing waits any more");
    }
}
