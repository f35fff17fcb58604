//! A descriptor that an event loop watches and that tasks of connections make readable.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// A socket pair: one byte in it says that there is something to look at.
#[derive(Debug)]
pub(super) struct WakeFd {
    read: UnixStream,
    write: UnixStream,
}

impl WakeFd {
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        Ok(Self { read, write })
    }

    pub(super) fn raw(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Makes the descriptor readable.
    pub(super) fn set(&self) {
        // If the socket is full it is readable, which is all that is wanted.
        let _ = (&self.write).write(&[1]);
    }

    /// Makes it unreadable again.
    pub(super) fn clear(&self) {
        let mut buffer = [0; 64];
        while matches!((&self.read).read(&mut buffer), Ok(read) if read == buffer.len()) {}
    }
}
