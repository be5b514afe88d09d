"""Where a host listens."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .errors import Unreachable

DEFAULT_PORT = 10767
CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class Address:
    """`host:port`, or `unix:/path` of a socket."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host`, `host:port`, `[::1]:port` or `unix:/path`."""
        if text.startswith("unix:"):
            return cls("", 0, str(Path(text[len("unix:") :]).absolute()))
        host, _, port = text.rpartition(":")
        if not host or (":" in host and not host.startswith("[")):
            host, port = text, str(DEFAULT_PORT)
        host = host.strip("[]")
        if not host or "/" in host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is no address of a host: expected host:port, or unix:/path of a socket")
        return cls("127.0.0.1" if host == "localhost" else host, int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def open(self) -> socket.socket:
        """Connect; the socket blocks.

        Raises `Unreachable`, with what the system says.
        """
        try:
            if self.path:
                made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                made.settimeout(CONNECT_TIMEOUT)
                try:
                    made.connect(self.path)
                except BaseException:
                    made.close()
                    raise
            else:
                made = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            cause = (error.strerror or str(error)).lower()
            text = f"no host answers at {self}: {cause}; is `baton run` there? BATON_HOST or an argument names another"
            raise Unreachable(text) from None
        return made


def local_socket() -> Optional[Address]:
    """The Unix socket of this user's host, or of the machine's, if there is one."""
    folders = [os.environ.get("XDG_RUNTIME_DIR"), "/run/baton"]
    for folder in filter(None, folders):
        path = Path(folder) / "baton.sock"
        if path.is_socket():
            return Address("", 0, str(path))
    return None


def default() -> Address:
    """`BATON_HOST`, or the local Unix socket, or the usual port of this machine."""
    named = os.environ.get("BATON_HOST")
    if named:
        return Address.parse(named)
    return local_socket() or Address()


def membership() -> Optional[tuple[str, Address]]:
    """The session that `BATON_OWNER` lets us join, and where its host is."""
    token, _, address = os.environ.get("BATON_OWNER", "").partition("@")
    return (token, Address.parse(address)) if token and address else None


def access_token() -> Optional[str]:
    """What a host that other machines can reach wants to be shown: `BATON_TOKEN`, or what `BATON_TOKEN_FILE` holds."""
    token, file = os.environ.get("BATON_TOKEN"), os.environ.get("BATON_TOKEN_FILE")
    if not token and file:
        token = Path(file).read_text().strip()
    return token or None
