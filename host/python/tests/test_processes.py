"""Locks between processes, and what is left when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import connect, until

import baton
from baton.testing import Host

ROUNDS = int(os.environ.get("BATON_LOCK_ROUNDS", "1000"))

# What one has locked it also has by a file lock that the host knows nothing of: who cannot have that is not alone.
WORKER = """
import fcntl, os, sys, baton
address, folder, rounds, order = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
lab = baton.connect(address)
stage, flow = lab.stage, lab.pump["flow"]
file = os.open(os.path.join(folder, "inside"), os.O_RDWR | os.O_CREAT)
for turn in range(rounds):
    if order == "forth":
        with stage, flow:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if turn % 50 == 0:
                lab.pump.flow = 1 + turn % 3
            fcntl.lockf(file, fcntl.LOCK_UN)
    else:
        with flow, stage:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if turn % 50 == 0:
                stage.velocity.get()
            fcntl.lockf(file, fcntl.LOCK_UN)
print("done", flush=True)
lab.close()
"""


def test_two_processes_in_both_orders_are_never_together_inside(host: Host, tmp_path: Path) -> None:
    """Never together inside, never stuck, and no exception in either."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, host.address, str(tmp_path), str(ROUNDS), order],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in ("forth", "back")
    ]
    try:
        ends = [worker.communicate(timeout=240) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [out.strip() for out, _ in ends] == ["done", "done"], ends
    assert "Traceback" not in "".join(err for _, err in ends)
    with connect(host) as lab:
        assert lab.who() == []


HOLDER = """
import sys, baton
lab = baton.connect(sys.argv[1])
with lab.lift, lab.slow, lab.lock("pump"):
    lab.lift.set("position", 50)
    lab.slow.set("position", 50)
    while not (lab.lift.status.is_busy and lab.slow.status.is_busy):
        pass
    print("moving", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_nothing_held_and_by_config_nothing_moving(threaded: Host, real: baton.Lab) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, threaded.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "moving\n"
        with pytest.raises(baton.Locked, match="write of lift.position"):
            real.lock(real.lift, wait=0).__enter__()
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    # `on_disconnect = "stop"`: who comes next finds it at rest.
    with real.lock(real.lift, wait=20):
        assert not real.lift.status.is_busy
    with real.lock(real.pump, wait=20):
        pass
    # The other runs to its end, as its config does not say otherwise.
    assert real.slow.status.is_busy
    real.slow.stop()


JOINED = """
import baton, sys
lab = baton.connect()
lab.stage.position = 2
print(lab.stage.position)
"""


def test_o2_a_child_acts_as_the_same_owner(lab: baton.Lab) -> None:
    env = {key: value for key, value in os.environ.items() if key != "BATON_HOST"}
    with lab.stage:
        env["BATON_OWNER"] = lab.membership
        done = subprocess.run([sys.executable, "-c", JOINED], env=env, capture_output=True, text=True, check=False)
        assert done.stdout == "2.000 mm\n", done.stderr
        env["BATON_OWNER"] = ""
        env["BATON_HOST"] = lab.address
        done = subprocess.run([sys.executable, "-c", JOINED], env=env, capture_output=True, text=True, check=False)
        assert "stage is locked by" in done.stderr


def test_a_script_under_the_command_line_s_lock_is_its_owner(host: Host, lab: baton.Lab) -> None:
    from baton.testing import find_baton

    env = {key: value for key, value in os.environ.items() if key != "BATON_HOST"}
    command = [str(find_baton()), "-H", host.address, "lock", "stage", "--", sys.executable, "-c", JOINED]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "2.000 mm\n", done.stderr


def test_a_forked_child_has_to_connect_anew(lab: baton.Lab) -> None:
    """It must not end the parent's lock, nor keep it when the parent is gone."""
    reader, writer = os.pipe()
    with lab.stage:
        child = os.fork()
        if child == 0:
            told = []
            try:
                lab.stage.get()
            except baton.ConnectionLost as error:
                told.append("forked" if "forked" in str(error) else "?")
            try:
                with baton.connect(lab.address) as anew:
                    anew.stage.get()
                    anew.stage.position = 3
            except baton.Locked:
                told.append("locked")
            except BaseException as error:
                told.append(repr(error))
            os.write(writer, " ".join(told).encode())
            os._exit(0)
        os.close(writer)
        told = b""
        while part := os.read(reader, 1000):
            told += part
        os.waitpid(child, 0)
        assert told == b"forked locked"
        lab.stage.position = 1
    os.close(reader)
    assert lab.who() == []


def test_a_child_that_lives_on_does_not_keep_the_lock_of_its_parent(threaded: Host, real: baton.Lab) -> None:
    script = """
import os, sys, time, baton
lab = baton.connect(sys.argv[1])
held = lab.lock("stage").acquire()
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(1000)
print(child, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, threaded.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert any("stage" in row["targets"] for row in real.who())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        until(lambda: real.who() == [])
    finally:
        os.kill(child, signal.SIGKILL)
