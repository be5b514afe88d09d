"""frappy-cli with a script, and our command line against frappy's server."""

import textwrap

from bench import Bench, Result, Skip, equal, holds, near, need, tool
from processes import Process

SCRIPT = """
    assert stage.value < 0.01, stage.value
    stage(2)
    assert abs(stage.value - 2) < 0.01, stage.value
    print("arrived at", round(stage.value, 2))
    shutter("open")
    print("the shutter is", shutter.value.name)
    for name, act in {
        "out of range": lambda: stage(51),
        "read-only": lambda: setattr(detector, "value", 1),
    }.items():
        try:
            act()
        except Exception as error:
            print(name, "->", type(error).__name__, error)
    stage.target = 50
    try:
        stage.target = 0
    except Exception as error:
        print("busy", "->", type(error).__name__, error)
    stage.stop()
    print("detector read:", detector.read() >= 0)
    print(stage.showAll())
"""

NODE = """
    Node('baton.foreign', 'A node that somebody else wrote', 'tcp://10767')
    Mod('switch', 'frappy_demo.modules.Switch', 'A switch that takes its time',
        switch_on_time=1, switch_off_time=1, pollinterval=0.2)
    Mod('field', 'frappy_demo.modules.MagneticField', 'A magnet', heatswitch='switch', ramp=1)
"""


def check_a_script_of_frappy_cli_runs_on_the_quickstart(bench: Bench) -> None:
    """Its blocking call, its errors, and its listing of a module."""
    script = bench.folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    host = bench.host()
    cli = bench.start(tool("frappy-cli"), host.address, "-i", script, "-o", env={"HOME": str(bench.folder)})
    code = cli.wait()
    equal(code, 0, f"exit code of frappy-cli, which wrote:\n{cli.output()}\n")
    for line in [
        "arrived at 2.0",
        "the shutter is open",
        "out of range -> RangeError .*50",
        "read-only -> ReadOnlyError ",
        "busy -> IsBusyError ",
        "detector read: True",
        r"^stage\.value +=.* mm$",
        "skipping interactive mode",
    ]:
        holds(cli.count(line) == 1, f"no line like /{line}/ from frappy-cli, which wrote:\n{cli.output()}")


class ForeignNode:
    """frappy's server, in a network namespace because it listens on all interfaces."""

    def __init__(self, bench: Bench) -> None:
        need("unshare", "nsenter", "ip")
        config = bench.folder / "demo_cfg.py"
        config.write_text(textwrap.dedent(NODE))
        folder = str(bench.folder)
        env = {"FRAPPY_CONFDIR": folder, "FRAPPY_LOGDIR": folder, "FRAPPY_PIDDIR": folder}
        if bench.start("unshare", "--net", "ip", "link", "set", "lo", "up").wait() != 0:
            raise Skip("no network namespace can be made here")
        up_and_go = 'ip link set lo up && exec "$@"'
        server = [tool("frappy-server"), "-c", config, "demo"]
        self.bench = bench
        self.process: Process = bench.start("unshare", "--net", "sh", "-c", up_and_go, "sh", *server, env=env)
        self.process.wait_for("startup done")

    def cli(self, *words: str) -> Result:
        """Run a command of our command line beside the server."""
        return self.bench.cli(*words, prefix=["nsenter", "--net", "-t", str(self.process.pid)])


def check_our_command_line_works_on_a_frappy_server(bench: Bench) -> None:
    """It needs nothing that only our host has."""
    node = ForeignNode(bench)
    listed = node.cli("list").ok().text
    holds("switch" in listed and "field" in listed, f"list: {listed}")
    described = node.cli("describe", "field").ok().text
    holds("T/min" in described and "ramping speed" in described, f"describe: {described}")
    equal(node.cli("get", "-t", "switch").ok().text, "off", "the switch")
    done = node.cli("--json", "set", "switch", "on", "-w", "30").ok().json
    equal((done["outcome"], done["reading"]["text"]), ("done", "on"), "the switch, set")
    near(float(node.cli("get", "-t", "field.ramp").ok().text), 1, 1e-9, "ramp")
    node.cli("set", "field.ramp", "0.5 T/min").ok()
    near(float(node.cli("get", "-t", "field.ramp").ok().text), 0.5, 1e-9, "ramp, set")
    node.cli("stop", "field").ok()
    status = node.cli("--json", "status").ok().json
    equal((status["equipment_id"], status["devices"]), ("baton.foreign", 2), "status")


def check_our_command_line_tells_a_frappy_servers_errors(bench: Bench) -> None:
    """Exit codes and texts for what the other side refuses."""
    node = ForeignNode(bench)
    refused = node.cli("set", "field", "16").code_is(1)
    holds("RangeError" in refused.err and "field" in refused.err, f"set field 16: {refused.err}")
    refused = node.cli("set", "field.status", "1").code_is(1)
    holds("read-only" in refused.err, f"set field.status: {refused.err}")
    unknown = node.cli("get", "nothing").code_is(1)
    holds("switch" in unknown.err, f"get nothing does not say what there is: {unknown.err}")
    node.cli("drivers").code_is(1)
