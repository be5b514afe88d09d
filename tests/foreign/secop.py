"""A bare SECoP connection: lines out, lines in."""

import json
import socket
import time
from typing import Any

from processes import DEADLINE, CheckError

Line = tuple[str, str, Any]


class Connection:
    """One TCP connection to a host; lines that were not asked for are kept in `others`."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._rest = b""
        self.others: list[Line] = []

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, line: str) -> None:
        """Send one line."""
        self.socket.sendall(line.encode() + b"\n")

    def next(self, timeout: float = DEADLINE) -> str | None:
        """Return the next line, or `None` at the end of the connection."""
        end = time.monotonic() + timeout
        while b"\n" not in self._rest:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                raise CheckError(f"no line from the host within {timeout:g} s") from None
            except ConnectionError:
                more = b""
            if not more:
                return None
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def message(self, timeout: float = DEADLINE) -> Line:
        """Return the next line, taken apart."""
        line = self.next(timeout)
        if line is None:
            raise CheckError("the host has closed the connection")
        action, specifier, data = [*line.split(" ", 2), "", ""][:3]
        return action, specifier, json.loads(data) if data else None

    def wait_for(self, *actions: str, specifier: str | None = None, timeout: float = DEADLINE) -> Line:
        """Return the next message with one of these actions (and this specifier); keep the ones before it."""
        end = time.monotonic() + timeout
        while True:
            message = self.message(max(end - time.monotonic(), 0.001))
            if message[0] in actions and specifier in (None, message[1]):
                return message
            self.others.append(message)

    def request(self, action: str, specifier: str = "", data: Any = None, reply: str = "") -> Any:
        """Make a request and return the data of its reply, or fail with the error that came instead."""
        answer = reply or {"read": "reply", "change": "changed", "do": "done", "describe": "describing"}[action]
        payload = "" if data is None else f" {json.dumps(data)}"
        self.send(f"{action} {specifier}{payload}".rstrip())
        got, _, content = self.wait_for(answer, f"error_{action}", specifier="." if action == "describe" else specifier)
        if got != answer:
            raise CheckError(f"{action} {specifier}: {content[0]}: {content[1]}")
        return content

    def read(self, specifier: str) -> Any:
        """Return the value of a parameter."""
        return self.request("read", specifier)[0]

    def identify(self) -> str:
        """Return what the host says of itself."""
        self.send("*IDN?")
        while (line := self.next()) is not None:
            if "SECoP" in line:
                return line
        raise CheckError("the host has closed the connection")
