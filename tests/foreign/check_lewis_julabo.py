"""A circulator that lewis simulates, connected by config/examples/julabo.toml and an instrument file alone."""

import time

from frappy.errors import RangeError

from bench import Bench, equal, holds, near
from frappy_node import ERROR, IDLE, Node
from instruments import Julabo
from processes import CheckError, until

# Its name on the wire: frappy takes the underscore away only where SECoP does not know the rest by itself.
SETPOINT = "_setpoint"


def check_temperature_and_setpoint_by_the_command_line(bench: Bench) -> None:
    """Read, change, read back, and ask the instrument itself."""
    julabo, host = bench.julabo()
    near(float(host.cli("get", "-t", "bath.temperature").ok().text), 24, 0.5, "temperature")
    holds(host.cli("get", "bath").ok().text.endswith("degC"), "the temperature has its unit")
    host.cli("set", "bath.setpoint", "30 degC").ok()
    near(float(host.cli("get", "-t", "bath.setpoint").ok().text), 30, 1e-6, "setpoint by the host")
    near(julabo.setpoint(), 30, 1e-6, "setpoint by the instrument")
    host.cli("set", "bath.setpoint", "300 K").ok()
    near(julabo.setpoint(), 26.85, 1e-6, "setpoint given in K")
    host.cli("set", "bath.circulation", "on").ok()
    equal(julabo.ask("IN_MODE_05"), "1", "circulation by the instrument")


def check_the_bath_warms_up_when_it_circulates(bench: Bench) -> None:
    """The polled temperature follows the instrument."""
    _, host = bench.julabo()
    with Node(host.address) as node:
        start = node.read("bath")
        node.client.setParameter("bath", SETPOINT, 40)
        node.client.setParameter("bath", "circulation", "on")
        since = node.mark()

        def warmer() -> bool:
            return any(value and value > start + 0.05 for value in node.heard("bath", "value", since))

        node.wait_for("bath", f"warmer than {start}", warmer, since)


def check_temperature_and_setpoint_by_frappys_client(bench: Bench) -> None:
    """The same over SECoP, with the limits of the example."""
    julabo, host = bench.julabo()
    with Node(host.address) as node:
        equal(node.client.modules["bath"]["parameters"]["value"]["datainfo"]["unit"], "degC", "unit")
        near(node.read("bath"), 24, 0.5, "temperature")
        node.client.setParameter("bath", SETPOINT, 35.5)
        near(node.read("bath", SETPOINT), 35.5, 1e-6, "setpoint by the host")
        near(julabo.setpoint(), 35.5, 1e-6, "setpoint by the instrument")
        error = node.refusal("bath", SETPOINT, 80.01)
        holds(type(error) is RangeError and "80" in str(error), f"{error!r}")
        near(julabo.setpoint(), 35.5, 1e-6, "setpoint after a refusal")


def check_a_simulator_that_dies_and_comes_back(bench: Bench) -> None:
    """Error with the cause, one line in the log down and one up, and work again without anybody's help."""
    julabo, host = bench.julabo()
    log = host.process
    with Node(host.address) as node:
        polled(julabo, node, 31)
        before = log.count("bath")

        since = node.mark()
        julabo.kill()
        node.wait_for("bath", "an error", lambda: node.states("bath", since)[-1:] == [ERROR], since)
        _, cause = node.client.cache["bath", "status"].value
        holds("127.0.0.1" in cause or "connection" in cause.lower(), f"the cause: {cause!r}")
        status = host.cli("--json", "status").ok().json
        equal([down["device"] for down in status["down"]], ["bath"], "what the host says is down")
        holds(status["down"][0]["cause"], "the host does not say why it is down")
        failed = host.cli("get", "bath").code_is(1)
        holds("bath" in failed.err and "CommunicationFailed" in failed.err, f"get: {failed.err}")
        stays_down(node, 4)
        equal(log.count("bath") - before, 1, f"lines about the bath while it is down:\n{log.output()}\n")

        since = node.mark()
        julabo.start()
        node.wait_for("bath", "idle again", lambda: node.states("bath", since)[-1:] == [IDLE], since)
        until("a reading again", lambda: host.cli("get", "-t", "bath").code == 0)
        node.client.setParameter("bath", SETPOINT, 33)
        near(julabo.setpoint(), 33, 1e-6, "setpoint by the new instrument")
        polled(julabo, node, 34)
        equal(log.count("bath") - before, 2, f"lines about the bath, down and up:\n{log.output()}\n")
        equal(host.cli("--json", "status").ok().json["down"], [], "what the host says is down")


def polled(julabo: Julabo, node: Node, setpoint: float) -> None:
    """Wait until the host has heard of a setpoint that was changed at the instrument, so that only polls can tell."""
    since = node.mark()
    julabo.ask(f"OUT_SP_00 {setpoint:.2f}")
    node.wait_for("bath", f"setpoint {setpoint}", lambda: setpoint in node.heard("bath", SETPOINT, since), since)


def stays_down(node: Node, seconds: float) -> None:
    """Look on for a while, in which the host tries again and fails, and fail if the device seems well."""
    since = node.mark()
    try:
        node.wait_for("bath", "well", lambda: IDLE in node.states("bath", since), since, timeout=seconds)
    except CheckError:
        return
    raise CheckError(f"the bath was idle without an instrument, {time.ctime()}")
