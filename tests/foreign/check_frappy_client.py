"""frappy-core's client against the quickstart lab."""

import time

from frappy.errors import (
    IsBusyError,
    NoSuchModuleError,
    NoSuchParameterError,
    RangeError,
    ReadOnlyError,
    SECoPError,
    WrongTypeError,
)

from bench import Bench, equal, holds, near
from frappy_node import BUSY, IDLE, Node
from processes import CheckError

DEVICES = ["detector", "oven", "pump", "shutter", "stage", "supply"]


def check_it_describes_the_lab(bench: Bench) -> None:
    """Names, classes, units and limits arrive as they are."""
    with Node(bench.host().address) as node:
        modules = node.client.modules
        equal(sorted(modules), DEVICES, "modules")
        equal(node.client.properties["equipment_id"], "quickstart", "equipment id")
        stage = modules["stage"]
        equal(stage["properties"]["interface_classes"], ["Drivable"], "class of the stage")
        equal(modules["detector"]["properties"]["interface_classes"], ["Readable"], "class of the detector")
        value, target = stage["parameters"]["value"], stage["parameters"]["target"]
        equal((value["datainfo"]["unit"], target["datainfo"]["unit"]), ("mm", "mm"), "units of the stage")
        equal((value["readonly"], target["readonly"]), (True, False), "what is read-only")
        equal((target["datainfo"]["min"], target["datainfo"]["max"]), (-1000, 1000), "the driver's limits")
        equal(stage["parameters"]["velocity"]["datainfo"]["unit"], "mm/s", "unit of the velocity")
        holds({"stop", "home"} <= set(stage["commands"]), f"commands: {list(stage['commands'])}")
        equal(list(node.read("stage", "target_limits")), [0, 50], "the limits of the config")
        equal(modules["shutter"]["parameters"]["target"]["datainfo"]["type"], "enum", "type of the shutter")


def check_all_parameters_are_there_after_activation(bench: Bench) -> None:
    """Whoever subscribes gets the current readings first (M5)."""
    with Node(bench.host().address) as node:
        missing = [
            f"{module}:{parameter}"
            for module, description in node.client.modules.items()
            for parameter in description["parameters"]
            if (module, parameter) not in node.client.cache
        ]
        equal(missing, [], "without a first update")
        errors = {key: item.readerror for key, item in node.client.cache.items() if item.readerror}
        equal(errors, {}, "readings that are errors")
        equal((node.unhandled, node.mistakes), ([], []), "what the client did not understand")


def check_a_move_is_busy_until_it_has_arrived(bench: Bench) -> None:
    """`change` returns early, the status tells the rest, the value comes along on the way."""
    with Node(bench.host().address) as node:
        since = node.mark()
        started = time.monotonic()
        node.client.setParameter("stage", "target", 10)
        holds(time.monotonic() - started < 5, "the reply to a change waited for the motion")
        equal(node.client.cache["stage", "status"].value[0] // 100 * 100, BUSY, "status at the reply")
        equal(node.rest("stage", since), [BUSY, IDLE], "states")
        positions = node.heard("stage", "value", since)
        near(positions[-1], 10, 0.01, "last position heard")
        holds(len({p for p in positions if 0.1 < p < 9.9}) >= 3, f"positions on the way: {positions}")
        near(node.read("stage"), 10, 0.01, "position read")


RAMP = """
[devices.supply]
driver = "sim"
type = "supply"
parameters.voltage = { step = "1 V", rate = "10 V/s" }
"""


def check_a_ramp_is_a_move(bench: Bench) -> None:
    """What the host takes there in steps is a Drivable: busy on the way, idle at its end, and stopped half way."""
    config = bench.folder / "ramp.toml"
    config.write_text(RAMP)
    with Node(bench.host(config).address) as node:
        classes = node.client.modules["supply"]["properties"]["interface_classes"]
        equal(classes, ["Drivable"], "class of the supply")
        since = node.mark()
        started = time.monotonic()
        node.client.setParameter("supply", "target", 10)
        status = node.client.cache["supply", "status"].value
        equal((status[0] // 100 * 100, status[1]), (BUSY, "ramping to 10.000 V"), "status at the reply")
        near(node.client.cache["supply", "target"].value, 10, 1e-9, "target at the reply")
        equal(node.rest("supply", since), [BUSY, IDLE], "states")
        holds(time.monotonic() - started >= 1, "10 V at 10 V/s took less than a second")
        volts = [round(volt) for volt in node.heard("supply", "value", since)]
        equal(sorted(set(volts) - {0}), list(range(1, 11)), "steps")
        since = node.mark()
        node.client.setParameter("supply", "target", 0)
        node.wait_for("supply", "half way", lambda: min(node.heard("supply", "value", since), default=10) < 8, since)
        node.client.execCommand("supply", "stop")
        node.rest("supply", since)
        volts = node.read("supply")
        holds(0 < volts < 8, f"it stopped at {volts} V")
        near(node.client.cache["supply", "target"].value, volts, 1e-9, "target after the stop")


def check_a_stop_ends_the_move_half_way(bench: Bench) -> None:
    """`stop` is answered while the device moves, and leaves it where it is."""
    with Node(bench.host().address) as node:
        since = node.mark()
        node.client.setParameter("stage", "target", 50)
        node.wait_for("stage", "on its way", lambda: any(p > 1 for p in node.heard("stage", "value", since)), since)
        node.client.execCommand("stage", "stop")
        node.rest("stage", since)
        stopped = node.read("stage")
        holds(1 <= stopped < 49, f"stopped at {stopped}")
        # It is idle, and stays where it is.
        near(node.read("stage"), stopped, 0.001, "position a moment later")
        node.drive("stage", 0)
        near(node.read("stage"), 0, 0.01, "it can move again")


def check_refusals_have_the_class_that_a_client_expects(bench: Bench) -> None:
    """The class is what programs act on, the text what people read."""
    with Node(bench.host().address) as node:
        expect(node.refusal("stage", "target", 50.5), RangeError, "50.5", "50")
        expect(node.refusal("stage", "target", -0.001), RangeError, "0")
        expect(node.refusal("stage", "value", 1), ReadOnlyError, "stage")
        expect(node.refusal("detector", "value", 1), ReadOnlyError, "detector")
        since = node.mark()
        node.client.setParameter("stage", "target", 40)
        expect(node.refusal("stage", "target", 1), IsBusyError, "stage")
        node.client.execCommand("stage", "stop")
        node.rest("stage", since)


def check_limits_can_be_narrowed_and_a_refusal_says_whose_they_are(bench: Bench) -> None:
    """D3: whoever narrows the limits is named to those who meet them; nothing is widened."""
    with Node(bench.host().address) as node:
        since = node.mark()
        node.client.setParameter("stage", "target_limits", (5, 20))
        node.wait_for(
            "stage", "narrower", lambda: [5, 20] in map(list, node.heard("stage", "target_limits", since)), since
        )
        expect(node.refusal("stage", "target", 21), RangeError, "21 mm is outside the limits 5 mm to 20 mm", "user")
        node.drive("stage", 20)
        node.client.setParameter("stage", "target_limits", (-500, 500))
        equal(list(node.read("stage", "target_limits")), [0, 50], "the limits of the config stay")
        expect(node.refusal("stage", "target", 51), RangeError, "0 mm to 50 mm", "quickstart.toml:")
        expect(node.refusal("stage", "target_limits", (20, 5)), RangeError, "reversed")
        # A number with a unit passes through the generic request.
        node.client.request("change", "stage:target_limits", ["1 cm", "30000 um"])
        equal(list(node.read("stage", "target_limits")), [10, 30], "limits in other units")


def check_a_motor_that_ignores_its_target_ends_in_error_and_can_be_cleared(bench: Bench) -> None:
    """C3, D6: the text says where it is and where it should be; `clear_errors` is the way out."""
    with Node(bench.host().address) as node:
        node.client.setParameter("stage", "fault_on", "write")
        node.client.setParameter("stage", "fault", "ignore")
        since = node.mark()
        node.client.setParameter("stage", "target", 10)
        node.wait_for("stage", "in error", lambda: node.client.cache["stage", "status"].value[0] >= 400, since)
        text = node.client.cache["stage", "status"].value[1]
        holds("target 10.000 mm, actual 0.000 mm" in text and "off by 10.000 mm" in text, text)
        node.client.execCommand("stage", "clear_errors")
        holds(node.read("stage", "status")[0] < 200, "clear_errors takes the error back")
        equal(node.drive("stage", 1), [BUSY, IDLE], "states of the next move")


def check_refusals_of_what_does_not_exist(bench: Bench) -> None:
    """What frappy would not send by itself is sent by its generic request."""
    with Node(bench.host().address) as node:
        for action, specifier, data, kind in [
            ("read", "stgae:value", None, NoSuchModuleError),
            ("read", "stage:vlaue", None, NoSuchParameterError),
            ("change", "stage:target", "fast", WrongTypeError),
            ("change", "stage:target", [1], WrongTypeError),
        ]:
            try:
                reply = node.client.request(action, specifier, data)
            except SECoPError as error:
                expect(error, kind)
            else:
                raise CheckError(f"{action} {specifier} {data!r} was answered {reply!r}")


def check_enums_commands_and_plain_parameters(bench: Bench) -> None:
    """A shutter by its names, a long command, a parameter that is not the main one."""
    with Node(bench.host().address) as node:
        equal(node.drive("shutter", "open"), [BUSY, IDLE], "states of the shutter")
        equal(node.read("shutter").name, "open", "the shutter")
        node.client.setParameter("stage", "velocity", 50)
        near(node.read("stage", "velocity"), 50, 1e-9, "velocity")
        since = node.mark()
        node.client.execCommand("stage", "home")
        node.rest("stage", since)
        equal(node.read("stage", "referenced"), True, "referenced")


def check_updates_reach_every_client(bench: Bench) -> None:
    """What one client does, another hears without asking."""
    host = bench.host()
    with Node(host.address) as one, Node(host.address) as two:
        since = two.mark()
        one.client.setParameter("stage", "velocity", 33)
        two.wait_for("stage", "velocity 33", lambda: 33 in two.heard("stage", "velocity", since), since)
        one.drive("stage", 1)
        two.wait_for("stage", "moved", lambda: two.states("stage", since)[-2:] == [BUSY, IDLE], since)


def check_our_own_requests_pass_through_its_generic_one(bench: Bench) -> None:
    """Existing Python users reach what SECoP does not have, without a client of ours."""
    with Node(bench.host().address) as node:
        action, token, status = node.client.request("_status", "t1", {})
        equal((action, token), ("_status_is", "t1"), "reply")
        equal((status["lab"], status["devices"]["up"]), ("quickstart", 6), "status of the host")


def expect(error: SECoPError, kind: type[SECoPError], *texts: str) -> None:
    """Fail unless the error is of the class, and its text has these parts."""
    if type(error) is not kind or not all(text in str(error) for text in texts):
        raise CheckError(f"{error!r}, expected {kind.__name__} with {texts}")
