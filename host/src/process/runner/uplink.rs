//! The child's ends of its channels.

use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
};

use baton_plugin_api::Time;
use rustix::{
    fs::{Mode, OFlags},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags},
    process::Signal,
};

use crate::{
    clock::Clock,
    process::{
        frame::{self, Read, Reader},
        message::{Aside, Interrupt, Load, Moment, Order, Report, Said, What},
    },
};

/// What leads to the host.
pub(super) struct Uplink {
    call: OwnedFd,
    orders: Mutex<Reader<Order>>,
    side: OwnedFd,
    /// Held while an aside is sent.
    asides: Mutex<()>,
    /// How many asides were sent.
    sent: AtomicU64,
    clock: Clock,
    traffic: bool,
}

/// What the host has said: with when, and the elements of an array.
pub(super) type Heard = (What, Moment, Vec<u8>);

impl Uplink {
    /// Takes the sockets that the host has handed over, and the library, if that has no path.
    ///
    /// # Errors
    /// If standard input is no such thing.
    pub(super) fn receive() -> io::Result<(Self, Option<OwnedFd>)> {
        let call = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // A driver that reads from its standard input finds nothing there.
        rustix::stdio::dup2_stdin(&nothing)?;
        let mut descriptors = receive_descriptors(&call)?.into_iter();
        let side = descriptors.next().ok_or_else(|| io::Error::other("no side channel"))?;
        let uplink = Uplink {
            call,
            orders: Mutex::new(Reader::new()),
            side,
            asides: Mutex::default(),
            sent: AtomicU64::new(0),
            clock: Clock::real(),
            traffic: false,
        };
        Ok((uplink, descriptors.next()))
    }

    /// With what the first order says.
    pub(super) fn with(self, load: &Load) -> Self {
        Uplink {
            clock: Clock::of_another(load.clock),
            traffic: load.traffic,
            ..self
        }
    }

    /// The lab's clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether anybody looks at the traffic on the line.
    pub(super) fn wants_traffic(&self) -> bool {
        self.traffic
    }

    /// Waits for the next order; `None` if it is to end.
    pub(super) fn order(&self) -> Option<Heard> {
        let heard = self.hear(&mut self.orders());
        (heard.0 != What::End).then_some(heard)
    }

    /// Says how an order ended.
    pub(super) fn report(&self, what: Said, bulk: &[u8]) {
        let asides = self.sent.load(Ordering::Acquire);
        match frame::send(&self.call, &Report { asides, what }, bulk) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Other => {
                let error = baton_plugin_api::Error::impossible(format!("it cannot be sent to the host: {error}"));
                let what = Said::Done(Err(error.into()));
                if frame::send(&self.call, &Report { asides, what }, &[]).is_err() {
                    leave();
                }
            }
            Err(_) => leave(),
        }
    }

    /// Asks the host something in the middle of a call, and waits for its answer.
    pub(super) fn ask(&self, what: Said, bulk: &[u8]) -> Heard {
        let mut orders = self.orders();
        self.report(what, bulk);
        self.hear(&mut orders)
    }

    /// As [`ask`](Self::ask), unless another thread of the driver's is asking something.
    pub(super) fn try_ask(&self, what: Said) -> Option<Heard> {
        let mut orders = match self.orders.try_lock() {
            Ok(orders) => orders,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.report(what, &[]);
        Some(self.hear(&mut orders))
    }

    /// Says something that belongs to no call, from any thread.
    pub(super) fn aside(&self, aside: &Aside, bulk: &[u8]) {
        let _alone = self.asides.lock().unwrap_or_else(PoisonError::into_inner);
        match frame::send(&self.side, aside, bulk) {
            // Counted when it is wholly there: what is reported next is heard after it.
            Ok(()) => drop(self.sent.fetch_add(1, Ordering::Release)),
            Err(error) if error.kind() == io::ErrorKind::Other => eprintln!("dropped: {error}"),
            Err(_) => leave(),
        }
    }

    /// Waits for the host to interrupt something.
    pub(super) fn interrupt(&self, reader: &mut Reader<Interrupt>) -> Interrupt {
        match reader.read(&self.side, RecvFlags::empty()) {
            Ok(Read::Message(interrupt, _)) => interrupt,
            _ => leave(),
        }
    }

    fn hear(&self, orders: &mut Reader<Order>) -> Heard {
        match orders.read(&self.call, RecvFlags::empty()) {
            Ok(Read::Message(Order { at, what }, bulk)) => {
                self.clock.tell(Time::from_nanoseconds(at.now));
                (what, at, bulk)
            }
            _ => leave(),
        }
    }

    fn orders(&self) -> MutexGuard<'_, Reader<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host is gone, or does not make sense: whatever this process is inside of, nobody wants it any more.
pub(super) fn leave() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    std::process::abort()
}

fn receive_descriptors(call: &impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut pieces = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(call, &mut pieces, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let received = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(received.flatten().collect())
}
