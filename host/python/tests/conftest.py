"""Hosts to test against, in both execution modes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import baton
from baton._address import Address
from baton._session import Session
from baton.testing import Host

LAB = """
[lab]
name = "tests"

[devices.stage]
driver = "sim"
type = "motor"
description = "Moves the sample"
options = { velocity = "50 mm/s", acceleration = "1000 mm/s2" }
parameters.position = { limits = ["0 mm", "50 mm"], tolerance = "0.01 mm" }

[devices.slow]
driver = "sim"
type = "motor"
options = { velocity = "1 mm/s", acceleration = "1000 mm/s2" }

[devices.lift]
driver = "sim"
type = "motor"
options = { velocity = "1 mm/s", acceleration = "1000 mm/s2" }
on_disconnect = "stop"

[devices.pump]
driver = "sim"
type = "pump"
parameters.flow = { limits = ["0 ml/min", "10 ml/min"] }

[devices.shutter]
driver = "sim"
type = "shutter"

[devices.oven]
driver = "sim"
type = "oven"
options = { ambient = "25 degC" }

[devices.supply]
driver = "sim"
type = "supply"

[devices.left]
driver = "sim"
type = "motor"
options = { start = "10 mm" }

[devices.right]
driver = "sim"
type = "motor"
options = { start = "20 mm" }

[devices.slit]
driver = "sim"
type = "slit"
options = { left = "left", right = "right" }
"""

QUICKSTART = Path(__file__).resolve().parents[3] / "config" / "quickstart.toml"


@pytest.fixture(scope="session", params=["threaded", "inline"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host in each mode, for all tests that leave it as it was."""
    with Host(LAB, threaded=request.param == "threaded") as host:
        yield host


@pytest.fixture(scope="session")
def threaded() -> Iterator[Host]:
    """A host in real time, for what takes time."""
    with Host(LAB, threaded=True) as host:
        yield host


@pytest.fixture
def lab(host: Host) -> Iterator[baton.Lab]:
    """A session of its own, with all devices at rest."""
    with connect(host) as lab:
        yield lab


@pytest.fixture
def real(threaded: Host) -> Iterator[baton.Lab]:
    """The same in real time."""
    with connect(threaded) as lab:
        lab.stop()
        until(lambda: lab.who() == [])
        yield lab
        lab.stop()


def connect(host: Host) -> baton.Lab:
    """A new session, whatever others there are."""
    return baton.Lab(Session(Address.parse(host.address), program="test"))


def until(condition: Callable[[], object], timeout: float = 30.0) -> None:
    """Wait until it is so; generously, as the machine may be busy."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.01)
