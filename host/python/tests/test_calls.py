"""Calls: futures that tell how it ended."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import connect, until

import baton
from baton import _requests
from baton.testing import Host


def test_a_future_is_done_when_it_has_arrived(lab: baton.Lab) -> None:
    future = lab.stage.set("position", 3)
    assert future.wait(timeout=10) is future and future.done()
    assert future.result().value == pytest.approx(3, abs=0.01)
    assert future.exception() is None
    assert lab.stage.set(4).result().value == pytest.approx(4, abs=0.01)
    assert lab.set("stage.position", 5).result() == pytest.approx(5, abs=0.01)
    assert lab.stage.position.put(6).value == pytest.approx(6, abs=0.01)


def test_set_returns_at_once_and_a_refusal_comes_with_the_result(real: baton.Lab) -> None:
    future = real.slow.set("position", 30)
    assert not future.done() and "running" in repr(future)
    with pytest.raises(TimeoutError, match=r"slow.position is still running after 0.05 s"):
        future.wait(timeout=0.05)
    assert not future.done()
    assert real.slow.status.is_busy
    refused = real.slow.set("position", 5000)
    with pytest.raises(baton.RangeError):
        refused.result()
    assert isinstance(refused.exception(), baton.RangeError)
    with pytest.raises(baton.IsBusy):
        real.slow.position = 3
    assert future.cancel()
    with pytest.raises(baton.Cancelled):
        future.result(timeout=10)
    assert not future.cancel()


def test_c4_a_cancelled_call_stops_what_it_moves(real: baton.Lab) -> None:
    future = real.slow.set("position", 40)
    until(lambda: real.slow.status.is_busy)
    future.cancel()
    assert isinstance(future.exception(timeout=10), baton.Cancelled)
    assert not real.slow.status.is_busy
    assert real.slow.position.value < 30


def test_a_call_that_is_cancelled_before_its_number_is_known_stops_as_well(real: baton.Lab) -> None:
    future = real.slow.set("position", 50)
    future.cancel()
    assert isinstance(future.exception(timeout=10), (baton.Cancelled, baton.Stopped))
    assert not real.slow.status.is_busy


def test_who_stopped_it_is_told(threaded: Host, real: baton.Lab) -> None:
    with connect(threaded) as other:
        future = real.slow.set("position", 45)
        until(lambda: real.slow.status.is_busy)
        other.slow.stop()
        with pytest.raises(baton.Stopped, match="stopped by"):
            future.result(timeout=10)


def test_stop_all_passes_a_lock(threaded: Host, real: baton.Lab) -> None:
    with real.slow, connect(threaded) as other:
        future = real.slow.set("position", 45)
        until(lambda: real.slow.status.is_busy)
        rows = other.stop()
        assert {row["device"]: row["outcome"] for row in rows}["slow"] == "stopped"
        assert isinstance(future.exception(timeout=10), baton.Stopped)


def test_commands_are_methods(lab: baton.Lab) -> None:
    assert lab.stage.home() is None
    assert lab.stage.position.value == pytest.approx(0, abs=0.01)
    assert lab.stage.home.start().result(timeout=30) is None
    assert lab.stage.call("home").wait(30).done()
    with pytest.raises(baton.WrongType, match="takes no argument"):
        lab.stage.home(3)
    assert lab.stage.clear_errors() is None


def test_a_command_takes_its_argument(lab: baton.Lab) -> None:
    with pytest.raises(baton.WrongType, match="takes one argument, a number"):
        lab.pump.dispense()
    with pytest.raises(baton.WrongType, match="pump.dispense"):
        lab.pump.dispense("2 mm")
    lab.pump.flow = "10 ml/min"
    assert lab.pump.dispense("1 ul") is None
    info = {"type": "struct", "members": {"volume": {"type": "double"}, "n": {"type": "int"}}}
    command = dataclasses.replace(lab.pump.dispense._info, argument=info)
    assert _requests.argument(command, (), {"volume": "2 ml", "n": 1}) == {"volume": "2 ml", "n": 1}
    with pytest.raises(baton.WrongType, match="volume=…, n=…"):
        _requests.argument(command, (1, 2), {})


def test_callbacks_and_threads_see_the_same_end(lab: baton.Lab) -> None:
    future = lab.stage.set("position", 7)
    ends: list[object] = []
    told = threading.Event()
    future.add_done_callback(lambda call: told.set())
    threads = [threading.Thread(target=lambda: ends.append(future.result(30).value)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.wait(30) and len(set(ends)) == 1 and len(ends) == 5


def test_many_threads_ask_at_once(lab: baton.Lab) -> None:
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for turn in range(50):
                assert lab.oven.temperature.get().path == "oven.temperature"
                assert lab.pump.flow.get().unit == "ml/min"
                lab.supply.current_limit = 1 + (number + turn) % 3
        except baton.IsBusy:
            pass
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_refusal_that_nobody_looks_at_is_printed(lab: baton.Lab, capsys: pytest.CaptureFixture[str]) -> None:
    future = lab.stage.set("position", 5000)
    until(future.done)
    del future
    assert "stage.position: 5000 mm is outside the limits" in capsys.readouterr().err


SCRIPT = """
import sys, time, baton
lab = baton.connect(sys.argv[1])
try:
    exec(sys.argv[2])
except KeyboardInterrupt as interrupt:
    print(f"interrupted: {interrupt}", flush=True)
print(lab.slow.status.state, flush=True)
lab.close()
"""


@pytest.mark.parametrize(
    "work",
    ["lab.slow.position = 50", "lab.slow.set('position', 50).wait()", "lab.slow.set('position', 50).result(1000)"],
)
def test_ctrl_c_stops_the_motor(threaded: Host, real: baton.Lab, work: str) -> None:
    real.slow.set("position", 0).wait(60) if abs(real.slow.position.value) < 5 else real.slow.position.zero()
    command = [sys.executable, "-c", SCRIPT, threaded.address, work]
    script = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: real.slow.status.is_busy)
        os.kill(script.pid, signal.SIGINT)
        out, _ = script.communicate(timeout=60)
    finally:
        script.kill()
    assert "slow.position: interrupted; slow stopped at" in out and "idle" in out
    assert not real.slow.status.is_busy
    where = real.slow.position.value
    time.sleep(0.2)
    assert real.slow.position.value == pytest.approx(where, abs=0.001) and where < 40


def test_ctrl_c_at_any_moment_leaves_nothing_moving(threaded: Host, real: baton.Lab) -> None:
    """Signals that come before, while and after the request is sent."""
    script = """
for turn in range(40):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.00002 + random.random() ** 3 * 0.02)
        lab.slow.position = 50
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
    except baton.IsBusy:
        print("busy", flush=True)
    state = lab.slow.status.state
    if state == "busy":
        print("moves on", flush=True)
"""
    setup = "import random, signal; signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
    command = [sys.executable, "-c", SCRIPT, threaded.address, setup + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "moves on" not in done.stdout and "busy" not in done.stdout and "idle" in done.stdout
