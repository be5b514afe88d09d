"""Programs under test: started, watched by what they write, and ended whatever happens."""

import atexit
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

# Long enough for a machine that is busy with something else; nothing waits so long when all is well.
DEADLINE = 60.0

Value = TypeVar("Value")


class CheckError(AssertionError):
    """What a check has found wrong."""


def until(what: str, condition: Callable[[], Value], timeout: float = DEADLINE) -> Value:
    """Return the first true value of `condition`, or fail saying that `what` did not come."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise CheckError(f"{what}: not within {timeout:g} s")
        time.sleep(0.02)
    return value


def free_port() -> int:
    """Return a TCP port that nobody uses, below those that the system hands out by itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Process:
    """A program that runs beside the check, with the lines that it has written so far."""

    _alive: ClassVar["set[Process]"] = set()

    def __init__(
        self, command: Sequence[str | Path], *, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._popen = subprocess.Popen(
            self.command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        Process._alive.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def output(self) -> str:
        """Return what it has written so far, for messages."""
        with self._changed:
            return "\n".join(self.lines[-60:])

    def count(self, pattern: str) -> int:
        """Return how many lines match so far."""
        with self._changed:
            return sum(bool(re.search(pattern, line)) for line in self.lines)

    def wait_for(self, pattern: str, timeout: float = DEADLINE) -> re.Match[str]:
        """Wait for a line that matches; one that was written before counts too."""
        end = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.lines)
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    break
                self._changed.wait(left)
        why = "ended" if self._ended else f"{timeout:g} s passed"
        raise CheckError(f"{self.command[0]} {why} without a line like /{pattern}/; it wrote:\n{self.output()}")

    def signal(self, number: int) -> None:
        """Send a signal to the program alone."""
        self._popen.send_signal(number)

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait for its end and return the exit code."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise CheckError(f"{self.command} still runs after {timeout:g} s; it wrote:\n{self.output()}") from None
        # What it started may hold the pipe open; what it wrote itself is there by now, or very soon.
        self._reader.join(2)
        return code

    def end(self) -> None:
        """End it and all that it started, politely if it listens. Does nothing if it has ended."""
        if self.runs():
            self._popen.terminate()
            try:
                self._popen.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()
        Process._alive.discard(self)

    @classmethod
    def kill_all(cls) -> None:
        """End all that is still there."""
        for process in list(cls._alive):
            process.kill()


atexit.register(Process.kill_all)
