"""Instruments that lewis simulates, and what they say when they are asked without Baton in between."""

import socket
import sys
from pathlib import Path

from processes import Process, connects, free_port, until


class Simulator:
    """A lewis device on a port of its own, which it keeps when it is started again."""

    device: tuple[str, ...]
    protocol: str
    # The ends of a line to the device, and from it.
    send_end = b"\r\n"
    reply_end = b"\r\n"

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        options = f"{self.protocol}: {{bind_address: 127.0.0.1, port: {self.port}}}"
        lewis = Path(sys.executable).with_name("lewis")
        self._process = Process([lewis, *self.device, "-p", options])
        until(f"lewis at port {self.port}", lambda: connects(self.port) or not self._process.runs())
        if not self._process.runs():
            # Somebody took the port meanwhile; what else could be wrong is wrong with the next one, too, and is shown.
            self._process.wait_for("cannot be written")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.kill()

    def end(self) -> None:
        """End it."""
        self._process.kill()

    def ask(self, line: str) -> str:
        """Exchange one line with it, on a connection that is there for this alone."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(line.encode() + self.send_end)
            reply = b""
            while not reply.endswith(self.reply_end):
                more = connection.recv(4096)
                if not more:
                    break
                reply += more
        return reply.decode().strip()


class Julabo(Simulator):
    """A refrigerated and heating circulator."""

    device = ("julabo",)
    protocol = "julabo-version-1"
    send_end = b"\r"

    def setpoint(self) -> float:
        """Return the setpoint that it has, in degC."""
        return float(self.ask("IN_SP_00"))


class Motor(Simulator):
    """A stage that does 2 mm/s between 0 and 250 mm."""

    device = ("-k", "lewis.examples", "example_motor")
    protocol = "stream"

    def position(self) -> float:
        """Return where it is, in mm."""
        return float(self.ask("P?"))

    def state(self) -> str:
        """Return `idle` or `moving`."""
        return self.ask("S?")
