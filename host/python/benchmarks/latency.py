"""Latency of the client beside frappy's, and beside pymmcore in process.

    BATON_BIN=target/release/baton python host/python/benchmarks/latency.py

One host, simulated devices, this machine; in blocks that alternate, so that all see the same weather. Medians and the
99th percentile in microseconds, and the ratio to ours. frappy's client (`frappy-core`) speaks to the same host; it
knows no locks, so it asks for one by its generic request. pymmcore has no host: it calls a function in its own process.
Its wheel has no device adapters; with a folder of these in `MM_DIR` the stage of `DemoCamera` is measured, else the
cost of a call into the core alone, as a floor.
"""

from __future__ import annotations

import logging
import os
import statistics
import threading
import time
from collections.abc import Callable

import baton
from baton.testing import Host

LAB = """
[lab]
name = "latency"

[host]
poll = "60 s"

[devices.supply]
driver = "sim"
type = "supply"

[devices.pump]
driver = "sim"
type = "pump"
"""

BLOCKS = 15
ROUNDS = 200


def main() -> None:
    """Measure and print a table."""
    logging.disable(logging.CRITICAL)
    with Host(LAB, threaded=True) as host, baton.connect(host.address) as lab:
        rows = [("get", {"baton": get(lab)}), ("set", {"baton": put(lab)}), ("lock", {"baton": lock(lab)})]
        rows.append(("update", {"baton": update(lab)}))
        for name, add in (("frappy", frappy), ("pymmcore", pymmcore)):
            try:
                measured = add(host, lab)
            except ImportError as error:
                print(f"{name} is not measured: {error}")
                continue
            for what, contestants in rows:
                if what in measured:
                    contestants[name] = measured[what]
        print(f"{'what':<8} {'client':<10} {'median us':>10} {'p99 us':>10} {'ratio':>7}")
        for what, contestants in rows:
            show(what, contestants)


def show(what: str, contestants: dict[str, Callable[[], float]]) -> None:
    """Take turns and print a line for each."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(BLOCKS):
        for name, once in contestants.items():
            times[name].extend(once() for _ in range(ROUNDS))
    ours = statistics.median(times["baton"])
    for name, found in times.items():
        median, worst = statistics.median(found), statistics.quantiles(found, n=100)[98]
        print(f"{what:<8} {name:<10} {median * 1e6:>10.1f} {worst * 1e6:>10.1f} {median / ours:>7.2f}")


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Do it once and return how long it took."""

    def once() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return once


def get(lab: baton.Lab) -> Callable[[], float]:
    """Read from the driver."""
    flow = lab.pump["flow"]
    return timed(flow.get)


def put(lab: baton.Lab) -> Callable[[], float]:
    """Write, until the driver has it."""
    limit = lab.supply["current_limit"]
    return timed(lambda: limit.put(1.0))


def lock(lab: baton.Lab) -> Callable[[], float]:
    """Lock a device and give it back."""

    def both() -> None:
        with lab.pump:
            pass

    return timed(both)


def update(lab: baton.Lab) -> Callable[[], float]:
    """From a write to the handler of a subscriber."""
    limit = lab.supply["current_limit"]
    told = threading.Semaphore(0)
    limit.subscribe(lambda reading: told.release())
    told.acquire()
    turn = [0]

    def once() -> float:
        turn[0] += 1
        begin = time.perf_counter()
        call = limit.set(1.0 + turn[0] % 2)
        told.acquire()
        took = time.perf_counter() - begin
        call.result()
        return took

    return once


def frappy(host: Host, lab: baton.Lab) -> dict[str, Callable[[], float]]:
    """The same by frappy's client."""
    from frappy.client import SecopClient

    client = SecopClient(f"tcp://{host.address}", log=logging.getLogger("frappy"))
    client.connect()
    told = threading.Semaphore(0)
    turn = [0]

    def changed(module: str, parameter: str, value: object, timestamp: object, error: object) -> None:
        told.release()

    def both() -> None:
        client.request("_lock", "b", {"targets": ["pump"]})
        client.request("_unlock", "b", {})

    def once() -> float:
        while told.acquire(blocking=False):
            pass
        turn[0] += 1
        begin = time.perf_counter()
        client.request("change", "supply:_current_limit", 3.0 + turn[0] % 2)
        told.acquire()
        return time.perf_counter() - begin

    client.register_callback(("supply", "_current_limit"), updateEvent=changed)
    return {
        "get": timed(lambda: client.getParameter("pump", "value", trycache=False)),
        "set": timed(lambda: client.request("change", "supply:_current_limit", 1.0)),
        "lock": timed(both),
        "update": once,
    }


def pymmcore(host: Host, lab: baton.Lab) -> dict[str, Callable[[], float]]:
    """A call in process."""
    import pymmcore as mm

    core = mm.CMMCore()
    folder = os.environ.get("MM_DIR")
    if folder is None:
        print("pymmcore: no device adapters (MM_DIR); `get` is a property of its core, without a device")
        return {"get": timed(lambda: core.getProperty("Core", "TimeoutMs"))}
    core.setDeviceAdapterSearchPaths([folder])
    core.loadDevice("stage", "DemoCamera", "DStage")
    core.initializeDevice("stage")
    return {
        "get": timed(lambda: core.getPosition("stage")),
        "set": timed(lambda: core.setPosition("stage", 1.0)),
    }


if __name__ == "__main__":
    main()
