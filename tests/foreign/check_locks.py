"""Locks, from outside: frappy's client, the command line, and processes that die."""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from frappy.errors import ImpossibleError, IsBusyError

from bench import Bench, Host, equal, holds, near
from frappy_node import Node
from lock_worker import COVERS
from processes import Process, until
from secop import Connection

# How often each of two processes locks: the variable asks for the whole run, of 100 000 for instance, which takes some
# minutes. Without it they lock for half a minute at most, and then as often as they got to.
ASKED = os.environ.get("BATON_LOCK_ROUNDS")
ROUNDS = int(ASKED or "10000")
AT_MOST = 3600.0 if ASKED else 30.0

LAB = """
[lab]
name = "locks"

[host]
poll = "0 s"

[devices.stage]
driver = "sim"
type = "motor"
options = { velocity = "50 mm/s", acceleration = "1000 mm/s2" }

[devices.pump]
driver = "sim"
type = "pump"

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


def lab(bench: Bench) -> Host:
    """Start a host with a stage, a pump, and a slit of two blades."""
    config = bench.folder / "locks.toml"
    config.write_text(LAB)
    return bench.host(config)


def check_a_stock_client_is_told_who_has_the_lock(bench: Bench) -> None:
    """The client of frappy gets the error that it knows, with our text; it can still read and stop."""
    host = lab(bench)
    holder = bench.connect(host)
    holder.request("_introduce", "i", {"user": "ana", "host": "beamline"}, "_introduced")
    holder.request("_lock", "t", {"targets": ["stage", "pump:flow"], "note": "tomo run 12"}, "_locked")
    with Node(host.address) as node:
        for module, parameter, value in [("stage", "target", 1), ("stage", "velocity", 3), ("pump", "target", 2)]:
            error = node.refusal(module, parameter, value)
            holds(type(error) is IsBusyError, f"{module}:{parameter}: {error!r}")
            for part in ("ana@beamline (claimed)", "tomo run 12"):
                holds(part in str(error), f"no {part!r} in {error}")
        near(node.read("stage"), 0, 0.01, "stage, read under a lock")
        node.client.execCommand("stage", "stop")
        equal(node.read("stage", "locked_by"), "ana@beamline (claimed)", "who has locked the stage")
        holder.close()
        until("the holder's end is noticed", lambda: node.read("stage", "locked_by") == "")
        node.drive("stage", 1)
        near(node.read("stage"), 1, 0.01, "stage when the holder has left")
        equal((node.unhandled, node.mistakes), ([], []), "what the client did not understand")


def check_a_stock_client_can_lock_by_itself(bench: Bench) -> None:
    """By its generic request: `_lock`, `_who`, `_unlock`."""
    host = lab(bench)
    other = bench.connect(host)
    with Node(host.address) as node:
        action, token, locked = node.client.request("_lock", "scan", {"targets": ["slit"], "wait": 1})
        equal((action, token, locked["targets"]), ("_locked", "scan", ["slit"]), "reply")
        for specifier in ("left:target", "right:target", "slit:target"):
            answer, content = ask(other, "change", specifier, 12, "changed")
            equal((answer, content[0]), ("error_change", "IsBusy"), specifier)
        since = node.mark()
        node.client.setParameter("slit", "target", 4)
        node.rest("slit", since)
        near(node.read("slit"), 4, 0.05, "the slit, moved by its holder")
        _, _, holders = node.client.request("_who", "w")
        equal([row["targets"] for row in holders], [["slit"]], "who has what")
        try:
            node.client.request("_unlock", "never", {})
        except ImpossibleError as error:
            holds("no lock" in str(error), f"{error}")
        _, _, unlocked = node.client.request("_unlock", "scan", {})
        equal(unlocked["targets"], ["slit"], "what was given back")
    equal(other.request("change", "left:target", 12, "changed")[0], 12, "the blade when it is free")


def check_a_command_acts_as_the_holder(bench: Bench) -> None:
    """`baton lock stage -- baton set stage.position "1 mm"` works, and another's `set` does not."""
    host = lab(bench)
    baton = str(bench.baton)
    moved = host.cli("lock", "stage", "--note", "alignment", "--", baton, "set", "stage.position", "1 mm").ok()
    equal(moved.text, "stage.position 1.000 mm", "what the command wrote")
    host.cli("lock", "stage", "--", baton, "lock", "stage", "pump.flow", "--", baton, "set", "pump", "2 ml/min").ok()
    equal(host.cli("lock", "stage", "--", "sh", "-c", "exit 7").code, 7, "exit code of the command")
    holder = host.begin("lock", "stage", "--note", "mine", "--", "sh", "-c", "echo holding; read forever")
    bench.later(holder.end)
    # Nothing is to be read, so this one ends at once; what holds is one that waits for a signal.
    holder.wait()
    holder = host.begin("lock", "stage", "--note", "mine", "--", "sleep", "1000")
    bench.later(holder.end)
    until("the lock", lambda: host.cli("who", "--json").json["holders"])
    refused = host.cli("set", "stage", "2 mm").code_is(73)
    holds("locked by" in refused.err and "mine" in refused.err, f"a refused set: {refused.err}")
    host.cli("lock", "stage", "--wait", "0.2").code_is(73)
    host.cli("stop", "stage").ok()
    host.cli("get", "stage").ok()
    who = host.cli("who").ok().text
    holds("sleep 1000" in who and "mine" in who, f"baton who:\n{who}")
    holds("LOCKED BY" in host.cli("list").ok().text, "baton list does not show the lock")
    holder.signal(signal.SIGTERM)
    equal(holder.wait(), 128 + signal.SIGTERM, "exit code of a command that a signal ended")
    host.cli("set", "stage", "2 mm").ok()


def check_a_lock_is_broken_and_its_holder_told(bench: Bench) -> None:
    """By name; the command goes on, and cannot write any more."""
    host = lab(bench)
    script = f"until {bench.baton} get stage.velocity -t | grep -q 7; do sleep 0.05; done; {bench.baton} set stage 3"
    holder = host.begin("lock", "stage", "--", "sh", "-c", script)
    bench.later(holder.end)
    row = until("the lock", lambda: host.cli("who", "--json").json["holders"])[0]
    user = row["owner"]["name"].split(" ")[0]
    refused = host.cli("break", "--holder", "eve@moon", "stage").code_is(1)
    holds(user in refused.err, f"who has it instead: {refused.err}")
    host.cli("break", "--holder", user, "stage").ok()
    holder.wait_for("the lock was broken by")
    host.cli("set", "stage.velocity", "7 mm/s").ok()
    equal(holder.wait(), 73, "exit code of a write after the lock was broken")
    holds("broke your lock" in holder.output(), holder.output())


def check_protection(bench: Bench) -> None:
    """Nobody writes, until it is taken back."""
    host = lab(bench)
    host.cli("protect", "pump.flow", "--note", "sample inside").ok()
    for words in [("set", "pump", "2 ml/min"), ("lock", "pump", "--", str(bench.baton), "set", "pump", "2 ml/min")]:
        refused = host.cli(*words).code_is(1)
        holds("protected" in refused.err and "sample inside" in refused.err, f"{words}: {refused.err}")
    host.cli("unprotect", "pump.flow").ok()
    host.cli("set", "pump", "2 ml/min").ok()


def check_the_next_follows_a_holder_that_was_killed(bench: Bench) -> None:
    """As soon as what it has begun has ended, and not before."""
    host = lab(bench)
    baton = str(bench.baton)
    script = f"{baton} set stage 40 --no-wait; exec sleep 1000"
    holder = host.begin("lock", "stage", "--", "sh", "-c", script)
    bench.later(holder.end)
    waiter = bench.connect(host)
    waiter.send("activate stage")
    waiter.wait_for("active")
    while waiter.wait_for("update", specifier="stage:value")[2][0] < 1:
        pass
    waiter.send('_lock t {"targets":["stage"],"queue":true,"note":"next"}')
    waiter.wait_for("_queued", specifier="t")
    waiter.others.clear()
    holder.kill()
    waiter.wait_for("_locked", specifier="t", timeout=30)
    states = [content[0][0] for action, name, content in waiter.others if name == "stage:status"]
    positions = [content[0] for action, name, content in waiter.others if name == "stage:value"]
    equal(states[-1:], [100], "status when the next had it")
    near(positions[-1], 40, 0.01, "position when the next had it")
    waiter.request("change", "stage:target", 1, "changed")


def check_a_holder_that_stands_still_loses_its_lock_when_it_said_it_would(bench: Bench) -> None:
    """SIGSTOP: its connection is there, but nothing is heard."""
    host = lab(bench)
    holder = host.begin("lock", "stage", "--keepalive", "2s", "--", "sleep", "1000")
    bench.later(holder.end)
    until("the lock", lambda: host.cli("who", "--json").json["holders"])
    waiter = bench.connect(host)
    waiter.send('_lock t {"targets":["stage"],"queue":true}')
    waiter.wait_for("_queued", specifier="t")
    # As long as it runs, it is heard.
    time.sleep(4)
    equal(waiter.others, [], "what came meanwhile")
    stopped = time.monotonic()
    holder.signal(signal.SIGSTOP)
    waiter.wait_for("_locked", specifier="t", timeout=30)
    took = time.monotonic() - stopped
    holds(0.9 < took < 15, f"the lock of a stopped process was free after {took:.1f} s")
    holder.signal(signal.SIGCONT)
    holder.wait_for("nothing was heard")


def check_two_processes_never_hold_the_same(bench: Bench) -> None:
    """Random overlapping sets, clients killed at random; nothing is left held at the end."""
    host = lab(bench)
    files = bench.folder / "held"
    files.mkdir()
    started = time.monotonic()
    workers = {name: begin_worker(bench, host, files, name) for name in ("one", "two")}
    kills, due = 0, time.monotonic()
    while workers and time.monotonic() < started + AT_MOST:
        for name, worker in list(workers.items()):
            if not worker.runs():
                told = f"{worker.output()}\nand the host:\n{host.process.output()}\n"
                equal(worker.wait(), 0, f"exit code of worker {name}, which wrote:\n{told}")
                del workers[name]
        if workers and time.monotonic() > due:
            name = random.choice(sorted(workers))
            if workers[name].runs():
                workers[name].kill()
                holds(not workers[name].count("overlap"), workers[name].output())
                kills += 1
                workers[name] = begin_worker(bench, host, files, name)
            due = time.monotonic() + random.uniform(0.1, 0.9)
        time.sleep(0.005)
    took = time.monotonic() - started
    for worker in workers.values():
        worker.kill()
        holds(not worker.count("overlap"), worker.output())
    rounds = [int(counter.read_text() or 0) for counter in files.glob("*.rounds")]
    print(f"      {rounds} sets in {took:.1f} s, {kills} processes killed", flush=True)
    holds(min(rounds, default=0) > 100, f"they hardly got to lock at all: {rounds}")
    other = bench.connect(host)
    until("nothing is held", lambda: other.request("_who", "w", {}, "_holders") == [])
    answer, content = ask(other, "_lock", "all", {"targets": sorted(COVERS)}, "_locked")
    equal(answer, "_locked", f"all of it at the end: {content}")


def begin_worker(bench: Bench, host: Host, files: Path, name: str) -> Process:
    """Start a process that goes on with the rounds of that name."""
    script = Path(__file__).with_name("lock_worker.py")
    return bench.start(sys.executable, "-B", script, str(host.port), files, name, str(ROUNDS))


def ask(connection: Connection, action: str, specifier: str, data: Any, reply: str) -> tuple[str, Any]:
    """Make a request and return what came of it, an error included."""
    import json

    connection.send(f"{action} {specifier} {json.dumps(data)}")
    answer, _, content = connection.wait_for(reply, f"error_{action}", specifier=specifier)
    return answer, content
