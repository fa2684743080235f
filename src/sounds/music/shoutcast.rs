//! How are stations understood that answer `ICY 200 OK` where HTTP is expected?
//!
//! Old SHOUTcast servers do, and new ones to players. What follows is HTTP/1.0 in all else, so the
//! first word of an answer is put right before anybody reads it.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

const SHOUTCAST: &[u8] = b"ICY ";
const HTTP: &[u8] = b"HTTP/1.0 ";

/// Stands behind the connectors that open a connection.
#[derive(Debug)]
pub(super) struct Shoutcast;

impl<In: Transport> Connector<In> for Shoutcast {
    type Out = Corrected<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Corrected {
            inner,
            is_begun: false,
        }))
    }
}

/// A connection whose first answer may begin in the old way.
pub(super) struct Corrected<T> {
    inner: T,
    is_begun: bool,
}

impl<T: Transport> Transport for Corrected<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let has_come = self.inner.await_input(timeout)?;
        let buffers = self.inner.buffers();
        if !self.is_begun && buffers.input().len() >= SHOUTCAST.len() {
            self.is_begun = true;
            correct(buffers);
        }
        Ok(has_come)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T: Transport> fmt::Debug for Corrected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Corrected").field(&self.inner).finish()
    }
}

fn correct(buffers: &mut dyn Buffers) {
    let Some(rest) = buffers.input().strip_prefix(SHOUTCAST) else {
        return;
    };
    let answer = [HTTP, rest].concat();
    let had = buffers.input().len();
    buffers.input_consume(had);
    let free = buffers.input_append_buf();
    let n = answer.len().min(free.len());
    free[..n].copy_from_slice(&answer[..n]);
    buffers.input_appended(n);
}
