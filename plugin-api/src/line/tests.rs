//! Addresses, and each transport against another program's end of it, which is the test itself.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::PathBuf,
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;
use crate::Direction;

const PATIENCE: Duration = Duration::from_secs(20);

fn shown(text: &str) -> String {
    match text.parse::<Address>() {
        Ok(address) => address.to_string(),
        Err(wrong) => wrong.to_string(),
    }
}

#[test]
fn an_address_shows_itself_in_full() {
    assert_eq!(shown("tcp://127.0.0.1:15022"), "tcp://127.0.0.1:15022");
    assert_eq!(shown("bath.lab:4001"), "tcp://bath.lab:4001");
    assert_eq!(shown("[::1]:4001"), "tcp://[::1]:4001");
    assert_eq!(shown("udp://[::1]:4001?local=7"), "udp://[::1]:4001?local=7");
    assert_eq!(
        shown("serial:///dev/serial/by-id/usb-FTDI_x-if00"),
        "serial:///dev/serial/by-id/usb-FTDI_x-if00?baud=9600&data=8&parity=none&stop=1&flow=none"
    );
    let full = "serial:///dev/ttyS0?baud=115200&data=7&parity=even&stop=2&flow=software&dtr=off&rts=on";
    assert_eq!(shown(full), full);
    assert_eq!(shown("unix:///run/bath"), "unix:///run/bath");
    assert_eq!(shown("pty:///tmp/bath"), "pty:///tmp/bath");
}

#[test]
fn a_wrong_address_says_how_it_is_right() {
    let list = [
        "bath",
        ":5000",
        "bath:0",
        "::1:5000",
        "/dev/ttyUSB0",
        "seriel:///dev/ttyUSB0",
        "http://bath",
        "serial://dev/ttyUSB0",
        "serial://",
        "serial:///dev/ttyUSB0?9600",
        "serial:///dev/ttyUSB0?baud=fast",
        "serial:///dev/ttyUSB0?parity=evn",
        "serial:///dev/ttyUSB0?flow=rtscts",
        "serial:///dev/ttyUSB0?data=9",
        "serial:///dev/ttyUSB0?baud=1&baud=2",
        "serial:///dev/ttyUSB0?speed=9600",
        "serial:///dev/ttyUSB0?flow=hardware&rts=on",
        "tcp://bath:1?baud=9600",
    ];
    let told: Vec<String> = list.iter().map(|text| shown(text)).collect();
    expect_test::expect![[r#"
        address `bath` has no port; write `tcp://192.168.1.20:5000`
        address `:5000` has no host; write `tcp://192.168.1.20:5000`
        address `bath:0` has no port from 1 to 65535; write `tcp://192.168.1.20:5000`
        address `::1:5000` has a host with colons; write it in brackets, `[::1]:5000`
        address `/dev/ttyUSB0` is a path; write `serial:///dev/ttyUSB0?baud=9600`, or `unix:///dev/ttyUSB0` for a socket
        address `seriel:///dev/ttyUSB0` begins with `seriel://`; did you mean `serial://`?
        address `http://bath` begins with `http://`; what is known is `tcp://`, `udp://`, `serial://`, `pty://` and `unix://`
        address `serial://dev/ttyUSB0` has a path that does not begin with `/`; write three slashes, `serial:///dev/ttyUSB0?baud=9600`
        address `serial://` has no path; write `serial:///dev/ttyUSB0?baud=9600`
        address `serial:///dev/ttyUSB0?9600` has an option `9600` without a value; write `baud=9600`, say
        address `serial:///dev/ttyUSB0?baud=fast` has `baud=fast`; `baud` is a whole number from 1 to 20000000
        address `serial:///dev/ttyUSB0?parity=evn` has `parity=evn`; did you mean `even`?
        address `serial:///dev/ttyUSB0?flow=rtscts` has `flow=rtscts`; `flow` is one of `none`, `hardware` and `software`
        address `serial:///dev/ttyUSB0?data=9` has `data=9`; `data` is a whole number from 5 to 8
        address `serial:///dev/ttyUSB0?baud=1&baud=2` says `baud` twice
        address `serial:///dev/ttyUSB0?speed=9600` has an option `speed` that is not known; there are `baud`, `data`, `parity`, `stop`, `flow`, `dtr` and `rts`
        address `serial:///dev/ttyUSB0?flow=hardware&rts=on` sets `rts`, which `flow=hardware` needs for itself; leave one of them out
        address `tcp://bath:1?baud=9600` has an option `baud`; a TCP address has none"#]].assert_eq(&told.join("\n"));
}

/// Everything that comes in until it is as long as `length`.
fn receive(line: &mut dyn Transport, length: usize) -> Vec<u8> {
    let mut received = Vec::new();
    while received.len() < length {
        assert!(line.receive(&mut received, PATIENCE).unwrap() > 0, "{received:?}");
    }
    received
}

fn connect(address: &str) -> io::Result<Box<dyn Transport>> {
    address.parse::<Address>().unwrap().connect(&Limits::default())
}

#[track_caller]
fn error(address: &str) -> String {
    match connect(address) {
        Ok(_) => panic!("{address} could be connected to"),
        Err(error) => error.to_string(),
    }
}

/// What every transport does with an end that repeats what it hears, and then hangs up.
fn check_stream(line: &mut dyn Transport, mut end: impl Read + Write) {
    assert_eq!(line.receive(&mut Vec::new(), Duration::ZERO).unwrap(), 0);
    assert_eq!(line.receive(&mut Vec::new(), Duration::from_millis(1)).unwrap(), 0);
    line.send(b"P\r?\n\0\xff").unwrap();
    let mut heard = [0; 6];
    end.read_exact(&mut heard).unwrap();
    end.write_all(&heard).unwrap();
    assert_eq!(receive(line, 6), b"P\r?\n\0\xff");
    drop(end);
    let mut nothing = Vec::new();
    let gone = line.receive(&mut nothing, PATIENCE).unwrap_err();
    assert_eq!((gone.kind(), nothing), (io::ErrorKind::UnexpectedEof, Vec::new()));
}

#[test]
fn tcp_carries_bytes_and_tells_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut line = connect(&listener.local_addr().unwrap().to_string()).unwrap();
    check_stream(&mut line, listener.accept().unwrap().0);
    line.reconnect().unwrap();
    check_stream(&mut line, listener.accept().unwrap().0);
    let refused = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert!(line.reconnect().is_err());
    assert!(error(&refused).contains("refused"));
}

#[test]
fn a_unix_socket_carries_bytes_and_tells_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bath");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut line = connect(&format!("unix://{}", path.display())).unwrap();
    check_stream(&mut line, listener.accept().unwrap().0);
    line.reconnect().unwrap();
    check_stream(&mut line, listener.accept().unwrap().0);
}

#[test]
fn what_nobody_takes_is_not_sent_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let limits = Limits {
        send: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut line = address.connect(&limits).unwrap();
    let error = line.send(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_datagram_is_a_piece_and_a_stranger_is_not_heard() {
    let end = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut line = connect(&format!("udp://{}", end.local_addr().unwrap())).unwrap();
    line.send(b"P?").unwrap();
    let mut heard = [0; 10];
    let (length, from) = end.recv_from(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"P?");
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"hello", from).unwrap();
    end.send_to(b"1", from).unwrap();
    end.send_to(b"2", from).unwrap();
    let mut received = Vec::new();
    assert_eq!(line.receive(&mut received, PATIENCE).unwrap(), 1);
    assert_eq!(received, b"1");
    assert_eq!(line.receive(&mut received, PATIENCE).unwrap(), 1);
    assert_eq!(received, b"12");
    // What is said to the old port is not heard on the new one.
    line.reconnect().unwrap();
    end.send_to(b"3", from).unwrap();
    assert_eq!(line.receive(&mut received, Duration::from_millis(1)).unwrap(), 0);
    assert!(line.has_connections());
}

#[test]
fn an_instrument_may_answer_to_a_fixed_port() {
    let end = UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let address = format!("udp://{}?local={free}", end.local_addr().unwrap());
    let mut line = connect(&address).unwrap();
    line.reconnect().unwrap();
    assert!(!line.has_connections());
    end.send_to(b"1", ("127.0.0.1", free)).unwrap();
    assert_eq!(receive(&mut line, 1), b"1");
    assert_eq!(error(&address), format!("the local port {free} is in use"));
}

/// The end of a pseudo-terminal where the instrument is, and the path of the other.
fn pty() -> (std::fs::File, PathBuf) {
    let end: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&end).unwrap();
    unlockpt(&end).unwrap();
    let path = ptsname(&end, Vec::new()).unwrap().into_string().unwrap();
    (end.into(), path.into())
}

#[test]
fn a_pseudo_terminal_carries_bytes_and_tells_its_end() {
    for options in ["", "?baud=115200&data=7&parity=odd&stop=2&flow=hardware&dtr=on"] {
        let (end, path) = pty();
        let mut line = connect(&format!("serial://{}{options}", path.display())).unwrap();
        assert!(!line.has_connections());
        check_stream(&mut line, end);
    }
}

#[test]
fn a_pseudo_terminal_may_be_a_link() {
    let (end, path) = pty();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("bath");
    std::os::unix::fs::symlink(path, &link).unwrap();
    let mut line = connect(&format!("pty://{}", link.display())).unwrap();
    check_stream(&mut line, end);
}

#[test]
fn what_came_before_is_thrown_away_when_a_serial_line_begins_anew() {
    let (mut end, path) = pty();
    let mut line = connect(&format!("pty://{}", path.display())).unwrap();
    end.write_all(b"old").unwrap();
    assert!(line.receive(&mut Vec::new(), PATIENCE).unwrap() > 0);
    end.write_all(b"older").unwrap();
    line.reconnect().unwrap();
    end.write_all(b"new").unwrap();
    assert_eq!(receive(&mut line, 3), b"new");
}

/// X4: a serial port is taken exclusively, and a second opener is told who has it.
#[test]
fn x4_a_port_has_one_user_at_a_time() {
    let (_end, path) = pty();
    let address = format!("pty://{}", path.display());
    let line = connect(&address).unwrap();
    assert_eq!(
        error(&address),
        "the port is in use by another device of this host; devices that share a line belong to a controller"
    );
    drop(line);
    connect(&address).unwrap();
}

/// X4: the other may be another program.
#[test]
fn x4_the_program_that_has_a_port_is_named() {
    let (_end, path) = pty();
    let port = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // The lock belongs to what the child inherits, and stays with it when this test has closed its own.
    rustix::fs::flock(&port, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut child = std::process::Command::new("cat")
        .stdin(port)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let told = error(&format!("pty://{}", path.display()));
    assert_eq!(told, format!("the port is in use by `cat` (pid {})", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_no_port_is_told_apart() {
    assert!(error("serial:///dev/ttyNONE").starts_with("there is no such port; "));
    assert!(error("serial:///dev/null").contains("another device"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let address = format!("serial://{}", file.path().display());
    assert_eq!(error(&address), "this is no serial port, but a file");
}

#[test]
fn a_traced_line_shows_what_goes_over_it() {
    let scripted = Scripted::new([
        Step::Send(b"P?\n".to_vec()),
        Step::Receive(b"12".to_vec()),
        Step::Receive(b".5\n".to_vec()),
    ]);
    let (sink, shown) = std::sync::mpsc::channel();
    let mut line = Traced::new(scripted, move |direction: Direction, bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        sink.send(format!("{} {text:?}", direction.arrow())).unwrap();
    });
    line.send(b"P?\n").unwrap();
    assert_eq!(receive(&mut line, 5), b"12.5\n");
    drop(line);
    let shown: Vec<String> = shown.iter().collect();
    assert_eq!(shown, [r#"-> "P?\n""#, r#"<- "12""#, r#"<- ".5\n""#]);
}
