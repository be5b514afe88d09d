"""What a check works with: hosts, instruments, the command line; all of it ended when the check is over."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instruments import Julabo, Motor
from processes import DEADLINE, CheckError, Process
from secop import Connection

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "config/quickstart.toml"


class Skip(Exception):
    """Why a check cannot be made here."""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    command: Sequence[str]
    code: int
    out: str
    err: str

    def ok(self) -> "Result":
        """Return itself, or fail if the exit code is not 0."""
        return self.code_is(0)

    def code_is(self, code: int) -> "Result":
        """Return itself, or fail if the exit code is another."""
        if self.code != code:
            words = " ".join(self.command[1:])
            raise CheckError(f"baton {words}: exit code {self.code}, not {code}\n{self.out}{self.err}")
        return self

    @property
    def text(self) -> str:
        """Standard output, without the end of the last line."""
        return self.out.rstrip("\n")

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Host:
    """A running `baton run`."""

    def __init__(self, baton: Path, config: Path, *options: str | Path) -> None:
        self._baton = baton
        self.process = Process([baton, "run", config, "--listen", "127.0.0.1:0", *options], env={"NO_COLOR": "1"})
        self.port = int(self.process.wait_for(r"secop\s+127\.0\.0\.1:(\d+)")[1])
        self.address = f"127.0.0.1:{self.port}"

    def cli(self, *words: str, timeout: float = DEADLINE) -> Result:
        """Run a command of the CLI against this host."""
        return command_line(self._baton, "-H", self.address, *words, timeout=timeout)

    def begin(self, *words: str) -> Process:
        """Start a command of the CLI that goes on beside the check."""
        return Process([self._baton, "-H", self.address, *words], env={"NO_COLOR": "1"})

    def connect(self) -> Connection:
        """Open a bare connection."""
        return Connection(self.port)


def command_line(baton: Path, *words: str, timeout: float = DEADLINE, prefix: Sequence[str] = ()) -> Result:
    """Run a command of the CLI and wait for its end."""
    command = [*prefix, str(baton), *words]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired as late:
        raise CheckError(f"{' '.join(command)}: still runs after {timeout:g} s, wrote {late.stdout!r}") from None
    return Result(command, done.returncode, done.stdout, done.stderr)


class Bench:
    """The things of one check."""

    def __init__(self, baton: Path, folder: Path) -> None:
        self.baton = baton
        self.folder = folder
        self._ending = ExitStack()

    def close(self) -> None:
        """End all that the check started, in reverse order."""
        self._ending.close()

    def later(self, end: Callable[[], object]) -> None:
        """Have something done when the check is over."""
        self._ending.callback(end)

    def host(self, config: Path = QUICKSTART, *options: str | Path) -> Host:
        """Start a host, on a free port."""
        host = Host(self.baton, config, *options)
        self.later(host.process.end)
        return host

    def cli(self, *words: str, prefix: Sequence[str] = ()) -> Result:
        """Run a command of the CLI that names its host itself, or needs none."""
        return command_line(self.baton, *words, prefix=prefix)

    def start(self, *command: str | Path, env: dict[str, str] | None = None) -> Process:
        """Start any other program."""
        process = Process(command, cwd=self.folder, env=env)
        self.later(process.end)
        return process

    def connect(self, host: Host) -> Connection:
        """Open a bare connection, closed when the check is over."""
        connection = host.connect()
        self.later(connection.close)
        return connection

    def julabo(self) -> tuple[Julabo, Host]:
        """Start lewis' circulator, and a host for it."""
        julabo = Julabo()
        self.later(julabo.end)
        return julabo, self.host(self._example("julabo.toml", "127.0.0.1:15022", julabo.port))

    def motor(self) -> tuple[Motor, Host]:
        """Start lewis' motor, and a host for it."""
        motor = Motor()
        self.later(motor.end)
        return motor, self.host(self._example("motor.toml", "127.0.0.1:15021", motor.port))

    def _example(self, name: str, address: str, port: int) -> Path:
        """Copy an example with the address replaced; nothing else about it is changed."""
        text = (ROOT / "config/examples" / name).read_text()
        if text.count(f"tcp://{address}") != 1:
            raise CheckError(f"config/examples/{name} does not have the address tcp://{address} once")
        examples = self.folder / "config/examples"
        examples.mkdir(parents=True)
        shutil.copytree(ROOT / "config/instruments", self.folder / "config/instruments")
        (examples / name).write_text(text.replace(f"tcp://{address}", f"tcp://127.0.0.1:{port}"))
        return examples / name


def tool(name: str) -> str:
    """Return the path of a program of this Python environment."""
    return str(Path(sys.executable).with_name(name))


def need(*programs: str) -> None:
    """Skip the check where a program of the system is missing."""
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"there is no `{program}` here")


def equal(actual: object, expected: object, what: str) -> None:
    """Fail unless both are equal."""
    if actual != expected:
        raise CheckError(f"{what}: {actual!r}, expected {expected!r}")


def near(actual: float, expected: float, tolerance: float, what: str) -> None:
    """Fail unless the number is near to what was expected."""
    if not abs(actual - expected) <= tolerance:
        raise CheckError(f"{what}: {actual!r}, expected {expected!r} within {tolerance!r}")


def holds(condition: object, what: str) -> None:
    """Fail with `what` if the condition does not hold."""
    if not condition:
        raise CheckError(what)
