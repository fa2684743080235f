//! How are our messages marked for the routers on their way?

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::SockRef;

use crate::base::Dscp;

/// The class that sockets are given; may change at any time.
pub(crate) struct Mark(AtomicU32);

impl Mark {
    pub(crate) fn new(dscp: Dscp) -> Self {
        Self(dscp.traffic_class().into())
    }

    /// For sockets that are marked from now on.
    pub(crate) fn set(&self, dscp: Dscp) {
        self.0.store(dscp.traffic_class(), Ordering::Relaxed);
    }

    /// Marks all that a socket of ours will send. Only a wish: a system that refuses still
    /// carries messages.
    pub(crate) fn put_on(&self, socket: SockRef<'_>, ours: SocketAddr) {
        let class = self.0.load(Ordering::Relaxed);
        let _ = match ours {
            SocketAddr::V4(_) => socket.set_tos_v4(class),
            SocketAddr::V6(_) => socket.set_tclass_v6(class),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::wire::stream;

    #[tokio::test]
    async fn listeners_and_what_they_accept_are_marked_in_both_families() {
        let mark = Mark::new(Dscp::EF);
        mark.set(Dscp::CS3);
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let listener = stream::bind(at.parse().unwrap(), &mark).unwrap();
            let ours = listener.local_addr().unwrap();
            let _caller = tokio::net::TcpStream::connect(ours).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            mark.put_on((&accepted).into(), ours);
            for socket in [SockRef::from(&listener), SockRef::from(&accepted)] {
                let class = match ours {
                    SocketAddr::V4(_) => socket.tos_v4(),
                    SocketAddr::V6(_) => socket.tclass_v6(),
                };
                assert_eq!(class.unwrap(), 24 << 2, "{at}");
            }
        }
    }
}
