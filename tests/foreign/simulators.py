"""Instruments that sinstruments simulates, and lines between them and Baton."""

import contextlib
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from bench import tool
from processes import Process, free_port, until

INSTRUMENTS = Path(__file__).with_name("instruments")


class Sinstrument:
    """One device of a sinstruments server, on TCP, UDP and a serial pty, which it keeps when it is started again."""

    def __init__(self, folder: Path, package: str, kind: str, **options: object) -> None:
        self.port = free_port()
        self.udp_port = free_port()
        self.pty = folder / f"{kind}.pty"
        self._config = folder / f"{kind}.yml"
        transports = [
            {"type": "tcp", "url": f"127.0.0.1:{self.port}"},
            {"type": "udp", "url": f"127.0.0.1:{self.udp_port}"},
            {"type": "serial", "url": str(self.pty)},
        ]
        device = {"class": kind, "package": package, "name": "device", "transports": transports, **options}
        self._config.write_text(yaml.safe_dump({"devices": [device]}))
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = Process([tool("sinstruments-server"), "-c", self._config])
        until("the simulator listens", lambda: self._listens() and self.pty.exists())

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.kill()
        with contextlib.suppress(FileNotFoundError):
            self.pty.unlink()

    def ask(self, line: str, end: str = "\n") -> str:
        """Exchange a line with it over TCP, past Baton."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(f"{line}{end}".encode())
            reply = b""
            while not reply.endswith(b"\n"):
                reply += connection.recv(4096)
            return reply.decode().strip()


# What socat does here, where there is none: a pty by that path, and a TCP connection to that port.
RELAY = """
import os, pty, select, socket, sys, tty
ours, theirs = pty.openpty()
tty.setraw(theirs)
os.symlink(os.ttyname(theirs), sys.argv[1])
line = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
while True:
    for ready in select.select([ours, line], [], [])[0]:
        data = os.read(ours, 4096) if ready == ours else line.recv(4096)
        if not data:
            sys.exit()
        line.sendall(data) if ready == ours else os.write(ours, data)
"""


class SerialLine:
    """A serial line to a TCP port of this machine, through socat: a pty on Baton's side."""

    def __init__(self, folder: Path, port: int) -> None:
        self.path = folder / "line"
        if shutil.which("socat"):
            self._command = ["socat", f"pty,raw,echo=0,link={self.path}", f"tcp:127.0.0.1:{port}"]
        else:
            self._command = [sys.executable, "-c", RELAY, str(self.path), str(port)]
        self.start()

    def start(self) -> None:
        """Plug it in."""
        self._process = Process(self._command)
        until("there is a pty", self.path.exists)

    def kill(self) -> None:
        """Pull it out."""
        self._process.kill()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def lab(folder: Path, devices: Mapping[str, Mapping[str, object]], **host: object) -> Path:
    """Write a lab of instruments that are described in files, with the options of each; return its path."""
    lines = ['[lab]\nname = "foreign"']
    if host:
        lines.append("[host]\n" + "\n".join(f"{key} = {toml(value)}" for key, value in host.items()))
    for name, options in devices.items():
        driver = options.get("driver", "stream")
        body = ", ".join(f"{key} = {toml(value)}" for key, value in options.items() if key != "driver")
        lines.append(f'[devices.{name}]\ndriver = "{driver}"\ntype = "instrument"\noptions = {{ {body} }}')
    path = folder / "lab.toml"
    path.write_text("\n\n".join(lines) + "\n")
    return path


def toml(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path | str):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
