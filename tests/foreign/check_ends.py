"""How things end: signals, sockets, exit codes."""

import signal
import socket
import time

from bench import QUICKSTART, Bench, equal, holds, near
from frappy_node import Node
from processes import free_port, until


def check_sigterm_stops_what_moves_and_ends_the_host(bench: Bench) -> None:
    """The motor itself says that it stands, and the host is gone within seconds (S5)."""
    motor, host = bench.motor()
    host.cli("set", "stage", "200 mm", "--no-wait").ok()
    until("the motor moves", lambda: motor.position() > 1)
    told = time.monotonic()
    host.process.signal(signal.SIGTERM)
    equal(host.process.wait(15), 0, f"exit code of the host, which wrote:\n{host.process.output()}\n")
    holds(time.monotonic() - told < 10, "the host took longer than 10 s to end")
    until("the motor is idle", lambda: motor.state() == "idle", 5)
    at = motor.position()
    holds(1 <= at < 199, f"the motor stands at {at}")
    equal(motor.position(), at, "position a moment later")


def check_ctrl_c_ends_the_host_too(bench: Bench) -> None:
    """With clients connected, one of them waiting for a move."""
    host = bench.host()
    client = bench.connect(host)
    client.send("activate")
    client.wait_for("active")
    moving = host.begin("set", "stage", "50 mm")
    bench.later(moving.end)
    client.wait_for("update", specifier="stage:target")
    host.process.signal(signal.SIGINT)
    equal(host.process.wait(15), 0, f"exit code of the host, which wrote:\n{host.process.output()}\n")
    holds(moving.wait() in (1, 69), f"the waiting `set` ended with {moving.wait()}:\n{moving.output()}")


def check_a_hung_driver_cannot_hold_up_the_end(bench: Bench) -> None:
    """A stop that never returns is left behind (S5)."""
    host = bench.host()
    host.cli("set", "stage.fault_on", "stop").ok()
    host.cli("set", "stage.fault", "hang").ok()
    host.cli("set", "stage", "50 mm", "--no-wait").ok()
    host.process.signal(signal.SIGTERM)
    host.process.wait(20)


def check_the_unix_socket_is_removed(bench: Bench) -> None:
    """It works as an address of the command line, and goes with its host."""
    path = bench.folder / "baton.sock"
    host = bench.host(QUICKSTART, "--socket", path)
    until("the socket", path.is_socket)
    near(float(bench.cli("-H", f"unix:{path}", "get", "-t", "stage").ok().text), 0, 0.01, "stage by the socket")
    host.process.signal(signal.SIGTERM)
    host.process.wait(15)
    holds(not path.exists(), "the socket is still there")


def check_a_socket_left_by_a_host_that_was_killed(bench: Bench) -> None:
    """The next host takes its place; a living one keeps it."""
    path = bench.folder / "baton.sock"
    first = bench.host(QUICKSTART, "--socket", path)
    until("the socket", path.is_socket)
    first.process.kill()
    holds(path.exists(), "the killed host has removed its socket")
    bench.host(QUICKSTART, "--socket", path)
    bench.cli("-H", f"unix:{path}", "list").ok()
    second = bench.start(bench.baton, "run", QUICKSTART, "--listen", "127.0.0.1:0", "--socket", path)
    holds(second.wait(30) != 0, f"a second host took the socket of a living one:\n{second.output()}")
    bench.cli("-H", f"unix:{path}", "list").ok()


def check_a_taken_port_is_told(bench: Bench) -> None:
    """The message names the address, and the exit code is not 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        host = bench.start(bench.baton, "run", QUICKSTART, "--listen", address)
        holds(host.wait(30) != 0, f"the host runs on a taken port:\n{host.output()}")
        holds(address in host.output(), f"the message does not name {address}:\n{host.output()}")


def check_ctrl_c_of_a_set_stops_the_stage(bench: Bench) -> None:
    """Exit code 130, and the stage stands half way, ready for the next move."""
    host = bench.host()
    with Node(host.address) as node:
        since = node.mark()
        moving = host.begin("set", "stage", "50 mm")
        bench.later(moving.end)
        node.wait_for("stage", "on its way", lambda: any(p > 1 for p in node.heard("stage", "value", since)), since)
        moving.signal(signal.SIGINT)
        equal(moving.wait(), 130, f"exit code of `set`, which wrote:\n{moving.output()}\n")
        holds(moving.count("stopped at") == 1, f"`set` does not say where it stopped:\n{moving.output()}")
        holds(1 <= node.read("stage") < 49, f"the stage is at {node.read('stage')}")
        host.cli("set", "stage", "0 mm").ok()


def check_exit_codes_without_a_host(bench: Bench) -> None:
    """Not reachable, wrong usage, bad configuration."""
    nobody = f"127.0.0.1:{free_port()}"
    for words in [["list"], ["get", "stage"], ["set", "stage", "1 mm"], ["stop", "--all"], ["status"]]:
        bench.cli("-H", nobody, *words).code_is(69)
    bench.cli("-H", f"unix:{bench.folder}/none.sock", "list").code_is(69)
    for words in [[], ["get"], ["set", "stage"], ["fly"], ["run"], ["stop"]]:
        bench.cli(*words).code_is(2)
    bad = bench.folder / "bad.toml"
    bad.write_text('[devices.stage]\ndriver = "sim"\ntype = "mtoor"\n')
    for words in [["run", str(bad)], ["check", str(bad)], ["run", str(bench.folder / "none.toml")]]:
        told = bench.cli(*words).code_is(78)
        holds(told.err.strip(), f"nothing is said about {words}")
    told = bench.cli("check", str(bad))
    holds("mtoor" in told.err + told.out and "motor" in told.err + told.out, f"no suggestion: {told.err}{told.out}")
    bench.cli("check", str(QUICKSTART)).ok()
    bench.cli("completions", "bash").ok()


def check_exit_codes_with_a_host(bench: Bench) -> None:
    """Refused, failed, late."""
    host = bench.host()
    for words in [
        ["get", "nothing"],
        ["get", "stage.nothing"],
        ["set", "stage", "51 mm"],
        ["set", "stage", "5 kg"],
        ["set", "stage.referenced", "true"],
        ["call", "stage", "fly"],
        ["stop", "nothing"],
    ]:
        refused = host.cli(*words).code_is(1)
        holds(refused.err.strip() and not refused.out, f"{words}: {refused.out!r} {refused.err!r}")
    host.cli("set", "stage", "50 mm", "-w", "0.5").code_is(75)
    host.cli("stop", "--all").ok()
    host.cli("set", "stage.fault_on", "read").ok()
    # Any number of times, because a poll may come first.
    host.cli("set", "stage.fault_times", "0").ok()
    host.cli("set", "stage.fault", "fail").ok()
    failed = host.cli("get", "stage").code_is(1)
    holds("HardwareError" in failed.err and "stage" in failed.err, f"a failed read: {failed.err}")
