"""A motor that lewis simulates, connected by config/examples/motor.toml and an instrument file alone."""

from frappy.errors import IsBusyError, RangeError

from bench import Bench, Host, equal, holds, near
from frappy_node import BUSY, ERROR, IDLE, Node
from instruments import Motor
from processes import until


def check_a_move_by_the_command_line_waits_for_its_end(bench: Bench) -> None:
    """`set` returns when the motor says that it has arrived."""
    motor, host = bench.motor()
    done = host.cli("--json", "set", "stage", "4 mm").ok().json
    equal(done["outcome"], "done", "outcome")
    near(done["reading"]["value"], 4, 0.01, "readback")
    holds(done["elapsed"] >= 1.5, f"it took {done['elapsed']} s, and the motor does 2 mm/s")
    equal((motor.position(), motor.state()), (4.0, "idle"), "the motor itself")


def check_busy_then_idle_by_frappys_client(bench: Bench) -> None:
    """Exactly one busy phase, with the position on the way, and the end in the right order."""
    motor, host = bench.motor()
    with Node(host.address) as node:
        since = node.mark()
        equal(node.drive("stage", 6), [BUSY, IDLE], "states")
        near(node.read("stage"), 6, 0.01, "position")
        equal(motor.position(), 6.0, "position by the motor")
        on_the_way = {p for p in node.heard("stage", "value", since) if 0.1 < p < 5.9}
        holds(len(on_the_way) >= 2, f"positions on the way: {on_the_way}")
        holds(isinstance(node.refusal("stage", "target", 251), RangeError), "251 mm is out of range")


def check_a_stop_half_way_by_the_command_line(bench: Bench) -> None:
    """The motor stays between where it was and where it was told to go."""
    motor, host = bench.motor()
    host.cli("set", "stage", "200 mm", "--no-wait").ok()
    until("the motor moves", lambda: motor.position() > 1)
    refused = host.cli("set", "stage", "5 mm").code_is(1)
    holds("IsBusy" in refused.err, f"a second target: {refused.err}")
    host.cli("stop", "stage").ok()
    stopped_between(motor, host)


def check_a_stop_half_way_by_frappys_client(bench: Bench) -> None:
    """The same over SECoP; the next move works."""
    motor, host = bench.motor()
    with Node(host.address) as node:
        since = node.mark()
        node.client.setParameter("stage", "target", 200)
        until("the motor moves", lambda: motor.position() > 1)
        holds(isinstance(node.refusal("stage", "target", 5), IsBusyError), "a second target is IsBusy")
        node.client.execCommand("stage", "stop")
        node.rest("stage", since)
        at = stopped_between(motor, host)
        equal(node.drive("stage", round(at) + 2), [BUSY, IDLE], "states of the next move")


def check_ctrl_c_stops_the_motor(bench: Bench) -> None:
    """`baton set` stops what it started when the user has had enough."""
    motor, host = bench.motor()
    moving = host.begin("set", "stage", "200 mm")
    bench.later(moving.end)
    until("the motor moves", lambda: motor.position() > 1)
    moving.signal(2)
    equal(moving.wait(), 130, f"exit code after Ctrl-C, which wrote:\n{moving.output()}\n")
    stopped_between(motor, host)


def check_a_motor_that_dies_on_its_way(bench: Bench) -> None:
    """The move fails with the cause, and the next one works when the motor is back."""
    motor, host = bench.motor()
    moving = host.begin("set", "stage", "200 mm")
    bench.later(moving.end)
    until("the motor moves", lambda: motor.position() > 1)
    with Node(host.address) as node:
        since = node.mark()
        motor.kill()
        node.wait_for("stage", "an error", lambda: node.states("stage", since)[-1:] == [ERROR], since)
        equal(moving.wait(), 1, f"exit code of the move, which wrote:\n{moving.output()}\n")
        motor.start()
        until("the motor is up", lambda: not host.cli("--json", "status").ok().json["down"])
        near(node.read("stage"), 0, 0.01, "the new motor stands at 0, and nobody moved it")
        equal(node.states("stage")[-1], ERROR, "the move's failure stays visible (W1)")
        equal(node.drive("stage", 2), [BUSY, IDLE], "states of the next move")


def stopped_between(motor: Motor, host: Host) -> float:
    """Fail unless the motor stands still between 1 and 199 mm; return where."""
    until("the motor is idle", lambda: motor.state() == "idle")
    at = motor.position()
    holds(1 <= at < 199, f"the motor stands at {at}")
    near(float(host.cli("get", "-t", "stage").ok().text), at, 0.01, "position by the host")
    equal(motor.position(), at, "position a moment later")
    return at
