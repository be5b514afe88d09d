//! A Modbus instrument for tests, at the other end of a TCP connection or a pseudo-terminal, in a thread of the test. It
//! is written without the driver's own code, checksum included, and misbehaves on demand.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

/// What is wrong with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The instrument refuses, with this code.
    Exception(u8),
    /// It never answers.
    Silent,
    /// The answer stays away until [`Fake::release`], or a later answer that is `Late`.
    Held,
    /// The answer that was held comes just before this one.
    Late,
    /// The answer has the number of another request (TCP).
    WrongTransaction,
    /// The answer comes from another unit.
    WrongUnit,
    /// The checksum is wrong (RTU).
    WrongCrc,
    /// Only so many bytes come.
    Half(usize),
    /// Only so many bytes come, and then the connection ends.
    Cut(usize),
    /// The answer comes byte by byte.
    Slow,
    /// These bytes come before the answer.
    Noise(u8, usize),
    /// What was sent comes back before the answer.
    Echo,
    /// The answer has a register less than was asked for.
    Short,
}

/// What the instrument has, and does.
#[derive(Default)]
pub(crate) struct Bank {
    /// Whom it answers as.
    pub(crate) units: Vec<u8>,
    pub(crate) coils: BTreeMap<u16, bool>,
    pub(crate) discrete: BTreeMap<u16, bool>,
    pub(crate) input: BTreeMap<u16, u16>,
    pub(crate) holding: BTreeMap<u16, u16>,
    /// What is wrong with the next answers.
    pub(crate) faults: VecDeque<Fault>,
    /// What it was asked: `1: 3 @0 +2`, unit, function, address, count or value.
    pub(crate) log: Vec<String>,
    held: Vec<u8>,
}

/// A Modbus instrument.
pub(crate) struct Fake {
    bank: Arc<Mutex<Bank>>,
    writer: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
    /// Where it listens.
    pub(crate) address: String,
}

impl Fake {
    /// One that listens on a TCP port, and takes one connection after the other.
    pub(crate) fn tcp(bank: Bank, is_rtu: bool) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let fake = Fake::new(bank, address);
        let (bank, writer) = (Arc::clone(&fake.bank), Arc::clone(&fake.writer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let (bank, writer, writes) = (Arc::clone(&bank), Arc::clone(&writer), stream.try_clone().unwrap());
                *writer.lock().unwrap() = Some(Box::new(stream.try_clone().unwrap()));
                thread::spawn(move || {
                    serve(stream, writes.try_clone().unwrap(), &bank, is_rtu);
                    let _ = writes.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        fake
    }

    /// One at the end of a line that is open already.
    pub(crate) fn on(line: std::fs::File, address: String, bank: Bank) -> Fake {
        let fake = Fake::new(bank, address);
        *fake.writer.lock().unwrap() = Some(Box::new(line.try_clone().unwrap()));
        let bank = Arc::clone(&fake.bank);
        thread::spawn(move || serve(line.try_clone().unwrap(), line, &bank, true));
        fake
    }

    fn new(bank: Bank, address: String) -> Fake {
        Fake {
            bank: Arc::new(Mutex::new(bank)),
            writer: Arc::default(),
            address,
        }
    }

    /// What it has, to look at and to change.
    pub(crate) fn bank(&self) -> MutexGuard<'_, Bank> {
        self.bank.lock().unwrap()
    }

    /// What it has, for another thread.
    #[allow(dead_code, reason = "for the tests of the whole host")]
    pub(crate) fn shared(&self) -> Arc<Mutex<Bank>> {
        Arc::clone(&self.bank)
    }

    /// Makes the next answers faulty.
    pub(crate) fn fault(&self, faults: impl IntoIterator<Item = Fault>) {
        self.bank().faults.extend(faults);
    }

    /// What it was asked since this was last looked at.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.bank().log)
    }

    /// Sends the answer that was held, once there is one.
    pub(crate) fn release(&self) {
        let held = loop {
            let held = std::mem::take(&mut self.bank().held);
            if !held.is_empty() {
                break held;
            }
            thread::yield_now();
        };
        let mut writer = self.writer.lock().unwrap();
        writer.as_mut().unwrap().write_all(&held).unwrap();
    }
}

fn serve(mut reads: impl Read, mut writes: impl Write, bank: &Mutex<Bank>, is_rtu: bool) {
    while let Some((transaction, unit, pdu)) = request(&mut reads, is_rtu) {
        let mut bank = bank.lock().unwrap();
        bank.note(unit, &pdu);
        if !bank.units.contains(&unit) {
            continue;
        }
        let fault = bank.faults.pop_front();
        let pdu_of_answer = match fault {
            Some(Fault::Exception(code)) => vec![pdu[0] | 0x80, code],
            Some(Fault::Short) => vec![pdu[0], 2, 0, 7],
            _ => bank.answer(&pdu),
        };
        let (transaction, from) = match fault {
            Some(Fault::WrongTransaction) => (transaction.wrapping_sub(1), unit),
            Some(Fault::WrongUnit) => (transaction, unit + 1),
            _ => (transaction, unit),
        };
        let mut frame = framed(transaction, from, &pdu_of_answer, is_rtu);
        let sent = match fault {
            Some(Fault::Silent) => continue,
            Some(Fault::Held) => {
                bank.held = frame;
                continue;
            }
            Some(Fault::WrongCrc) => {
                *frame.last_mut().unwrap() ^= 0xFF;
                writes.write_all(&frame)
            }
            Some(Fault::Half(length)) => writes.write_all(&frame[..length]),
            Some(Fault::Cut(length)) => {
                let _ = writes.write_all(&frame[..length]);
                return;
            }
            Some(Fault::Slow) => frame.iter().try_for_each(|byte| {
                thread::yield_now();
                writes.write_all(&[*byte])
            }),
            Some(Fault::Late) => {
                let held = std::mem::take(&mut bank.held);
                writes.write_all(&[held, frame].concat())
            }
            Some(Fault::Noise(byte, count)) => writes.write_all(&[vec![byte; count], frame].concat()),
            Some(Fault::Echo) => writes.write_all(&[framed(transaction, unit, &pdu, is_rtu), frame].concat()),
            _ => writes.write_all(&frame),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The next request: its number, the unit, the PDU. `None` at the end of the line.
fn request(reads: &mut impl Read, is_rtu: bool) -> Option<(u16, u8, Vec<u8>)> {
    let mut take = |count: usize| {
        let mut bytes = vec![0; count];
        reads.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    if !is_rtu {
        let header = take(7)?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]])) - 1;
        return Some((u16::from_be_bytes([header[0], header[1]]), header[6], take(length)?));
    }
    let mut frame = take(2)?;
    match frame[1] {
        15 | 16 => {
            frame.extend(take(5)?);
            let count = usize::from(frame[6]);
            frame.extend(take(count + 2)?);
        }
        22 => frame.extend(take(8)?),
        _ => frame.extend(take(6)?),
    }
    let content = frame.len() - 2;
    assert_eq!(crc(&frame[..content]), frame[content..], "the checksum of {frame:02x?}");
    Some((0, frame[0], frame[1..content].to_vec()))
}

fn framed(transaction: u16, unit: u8, pdu: &[u8], is_rtu: bool) -> Vec<u8> {
    if is_rtu {
        let mut frame = [&[unit], pdu].concat();
        frame.extend(crc(&frame));
        return frame;
    }
    let length = u16::try_from(pdu.len() + 1).unwrap();
    [
        &transaction.to_be_bytes()[..],
        &[0, 0],
        &length.to_be_bytes(),
        &[unit],
        pdu,
    ]
    .concat()
}

/// Modbus over serial line V1.02, 6.2.2.
fn crc(bytes: &[u8]) -> [u8; 2] {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
        }
    }
    crc.to_le_bytes()
}

impl Bank {
    /// One unit, number 1, with nothing in it.
    pub(crate) fn new() -> Self {
        Bank {
            units: vec![1],
            ..Bank::default()
        }
    }

    fn note(&mut self, unit: u8, pdu: &[u8]) {
        let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
        self.log.push(format!("{unit}: {} @{} +{}", pdu[0], word(1), word(3)));
    }

    fn answer(&mut self, pdu: &[u8]) -> Vec<u8> {
        let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
        let (function, address) = (pdu[0], word(1));
        let answered = match function {
            1 | 2 => self.bits(function, address, word(3)),
            3 | 4 => self.words(function, address, word(3)),
            5 => self.set_coils(address, &[pdu[3] == 0xFF]).then(|| pdu.to_vec()),
            6 => self.set_words(address, &[word(3)]).then(|| pdu.to_vec()),
            15 => {
                let bits: Vec<bool> = (0..usize::from(word(3)))
                    .map(|n| pdu[6 + n / 8] >> (n % 8) & 1 == 1)
                    .collect();
                self.set_coils(address, &bits).then(|| pdu[..5].to_vec())
            }
            16 => {
                let words: Vec<u16> = (0..usize::from(word(3))).map(|n| word(6 + 2 * n)).collect();
                self.set_words(address, &words).then(|| pdu[..5].to_vec())
            }
            22 => {
                let (and, or) = (word(3), word(5));
                let now = self.holding.get(&address).copied();
                now.map(|now| {
                    self.holding.insert(address, now & and | or & !and);
                    pdu.to_vec()
                })
            }
            _ => return vec![function | 0x80, 1],
        };
        answered.unwrap_or(vec![function | 0x80, 2])
    }

    fn bits(&self, function: u8, address: u16, count: u16) -> Option<Vec<u8>> {
        let table = if function == 1 { &self.coils } else { &self.discrete };
        let mut bytes = vec![0; usize::from(count).div_ceil(8)];
        for n in 0..count {
            let bit = table.get(&(address + n))?;
            bytes[usize::from(n / 8)] |= u8::from(*bit) << (n % 8);
        }
        let length = u8::try_from(bytes.len()).ok()?;
        Some([vec![function, length], bytes].concat())
    }

    fn words(&self, function: u8, address: u16, count: u16) -> Option<Vec<u8>> {
        let table = if function == 3 { &self.holding } else { &self.input };
        let words: Option<Vec<[u8; 2]>> = (0..count)
            .map(|n| table.get(&(address + n)).map(|word| word.to_be_bytes()))
            .collect();
        let length = u8::try_from(count * 2).ok()?;
        Some([vec![function, length], words?.concat()].concat())
    }

    fn set_coils(&mut self, address: u16, bits: &[bool]) -> bool {
        set(&mut self.coils, address, bits)
    }

    fn set_words(&mut self, address: u16, words: &[u16]) -> bool {
        set(&mut self.holding, address, words)
    }
}

/// Sets all or, where one of them is not there, none.
fn set<T: Copy>(table: &mut BTreeMap<u16, T>, address: u16, items: &[T]) -> bool {
    let are_there = (address..).zip(items).all(|(place, _)| table.contains_key(&place));
    if are_there {
        table.extend((address..).zip(items.iter().copied()));
    }
    are_there
}
