"""A lab for tests: a host of its own, on a free port, that runs without hardware and without waiting.

The host runs with `--disable-async`: if all its devices are simulated it has a virtual clock, so that a motion of ten
seconds takes none, and the same test does the same each time.

    import baton.testing
    import pytest

    @pytest.fixture
    def lab():
        with baton.testing.lab("lab.toml") as lab:
            yield lab

    def test_the_stage_arrives(lab):
        lab.stage.position = "2 mm"
        assert lab.stage.position.value == pytest.approx(2, abs=0.01)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Optional, Union

from ._address import Address
from ._session import Session
from .errors import BatonError, Unreachable
from .lab import Lab

__all__ = ["Host", "find_baton", "lab"]

_START = 60.0
_LISTENS = re.compile(r"secop\s+(127\.0\.0\.1:\d+)")


class Host:
    """A running host: `address` is where, `output` what it has written. `close()` or `with` ends it.

    `config` is a file or a folder, or the text of a config, in which there is a line break.
    """

    def __init__(
        self,
        config: Union[str, Path],
        *,
        threaded: bool = False,
        drivers: Sequence[Union[str, Path]] = (),
        socket: Union[None, str, Path] = None,
        listen: str = "127.0.0.1:0",
        baton: Union[None, str, Path] = None,
    ) -> None:
        self._ending = ExitStack()
        self._lines: list[str] = []
        self._spoken = threading.Condition()
        self._ended = False
        self.address = ""
        command = [str(baton or find_baton()), "run", str(self._file(config)), "--listen", listen]
        for folder in drivers:
            command += ["--drivers", str(folder)]
        if socket is not None:
            command += ["--socket", str(socket)]
        if not threaded:
            command.append("--disable-async")
        # What the test's own environment says of sessions and modes is not for this host.
        env = {key: value for key, value in os.environ.items() if not key.startswith("BATON_")}
        env.update({key: os.environ[key] for key in ("BATON_DRIVER_PATH",) if key in os.environ}, NO_COLOR="1")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _file(self, config: Union[str, Path]) -> Path:
        if isinstance(config, Path) or "\n" not in config:
            return Path(config)
        folder = self._ending.enter_context(tempfile.TemporaryDirectory(prefix="baton-lab-"))
        path = Path(folder) / "lab.toml"
        path.write_text(config)
        return path

    def _read(self, lines: Optional[IO[str]]) -> None:
        assert lines is not None
        with lines:
            for line in lines:
                with self._spoken:
                    self._lines.append(line)
                    self._spoken.notify_all()
        with self._spoken:
            self._ended = True
            self._spoken.notify_all()

    def _wait(self) -> None:
        def heard() -> bool:
            return self._ended or any(_LISTENS.search(line) for line in self._lines)

        with self._spoken:
            self._spoken.wait_for(heard, _START)
            found = next(filter(None, map(_LISTENS.search, self._lines)), None)
        if found is None:
            raise BatonError(f"the host has not started; it wrote:\n{self.output}")
        self.address = found[1]

    @property
    def output(self) -> str:
        """What the host has written so far."""
        with self._spoken:
            return "".join(self._lines)

    def close(self) -> None:
        """End it, and wait for its end. Does nothing if it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._ending.close()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        self.close()


@contextmanager
def lab(
    config: Union[str, Path],
    *,
    threaded: bool = False,
    drivers: Sequence[Union[str, Path]] = (),
    baton: Union[None, str, Path] = None,
) -> Iterator[Lab]:
    """Start a host for a config, connect to it, and end it after the block.

    `config` is a file, a folder, or the text of a config. With `threaded` the host runs as it does in a lab, in real
    time. `drivers` are folders to search before all others; `baton` is the program, else what `find_baton` finds.

    >>> with baton.testing.lab('''
    ... [devices.stage]
    ... driver = "sim"
    ... type = "motor"
    ... ''') as lab:
    ...     lab.stage.position = 2
    ...     print(lab.stage.position)
    2.000 mm
    """
    with Host(config, threaded=threaded, drivers=drivers, baton=baton) as host:
        session = Session(Address.parse(host.address))
        try:
            yield Lab(session)
        finally:
            session.close()


def find_baton() -> Path:
    """The program `baton`: `BATON_BIN`, or in `PATH`, or in the folder of Baton's own sources.

    Raises `Unreachable` if it is nowhere.
    """
    named = os.environ.get("BATON_BIN") or shutil.which("baton")
    if named:
        return Path(named)
    for folder in Path(__file__).resolve().parents:
        for build in ("release", "debug"):
            path = folder / "target" / build / "baton"
            if path.is_file():
                return path
    raise Unreachable("the program `baton` is not in PATH; BATON_BIN may name it")
