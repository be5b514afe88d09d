"""Instruments that lewis simulates, and what they say when they are asked without Baton in between."""

import socket
import sys
from pathlib import Path

from processes import Process, free_port


class Simulator:
    """A lewis device on a port of its own, which it keeps when it is started again."""

    device: tuple[str, ...]
    protocol: str
    # What it is asked to see whether it is there.
    greeting: str
    # The ends of a line to the device, and from it.
    send_end = b"\r\n"
    reply_end = b"\r\n"

    def __init__(self) -> None:
        self.port = free_port()
        self._question: socket.socket | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers; a question in its first moments lewis may leave without a reply."""
        options = f"{self.protocol}: {{bind_address: 127.0.0.1, port: {self.port}}}"
        lewis = Path(sys.executable).with_name("lewis")
        self._process = Process([lewis, *self.device, "-p", options])
        self._process.wait_for(f"Listening on 127.0.0.1:{self.port}")
        self.ask(self.greeting)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.kill()
        self._hang_up()

    def end(self) -> None:
        """End it."""
        self.kill()

    def ask(self, line: str) -> str:
        """Exchange a line with it, past Baton; nothing that may not be said twice, as it may have to be.

        There is one connection for all questions, so that none of them disturbs the one that Baton has.
        """
        for _ in range(10):
            try:
                return self._exchange(line)
            except OSError:
                self._hang_up()
        return self._exchange(line)

    def _exchange(self, line: str, encoding: str = "utf-8") -> str:
        if self._question is None:
            self._question = socket.create_connection(("127.0.0.1", self.port), 2)
        self._question.sendall(line.encode() + self.send_end)
        reply = b""
        while not reply.endswith(self.reply_end):
            more = self._question.recv(4096)
            if not more:
                raise ConnectionError("lewis has closed the connection")
            reply += more
        return reply.decode(encoding).strip()

    def _hang_up(self) -> None:
        if self._question is not None:
            self._question.close()
            self._question = None


class Julabo(Simulator):
    """A refrigerated and heating circulator."""

    device = ("julabo",)
    protocol = "julabo-version-1"
    greeting = "IN_PV_00"
    send_end = b"\r"

    def setpoint(self) -> float:
        """Return the setpoint that it has, in degC."""
        return float(self.ask("IN_SP_00"))


class Motor(Simulator):
    """A stage that does 2 mm/s between 0 and 250 mm."""

    device = ("-k", "lewis.examples", "example_motor")
    protocol = "stream"
    greeting = "S?"

    def position(self) -> float:
        """Return where it is, in mm."""
        return float(self.ask("P?"))

    def state(self) -> str:
        """Return `idle` or `moving`."""
        return self.ask("S?")
