"""Instruments that Baton's authors had not seen: each is connected by a file that its user could write, and no more."""

from pathlib import Path

from bench import Bench, Host, equal, holds, near
from instruments import Simulator
from processes import until
from simulators import INSTRUMENTS, Sinstrument, lab


class Stage(Simulator):
    """A heating and freezing stage."""

    device = ("linkam_t95",)
    protocol = "stream"
    greeting = "T"
    send_end = b"\r"
    reply_end = b"\r"

    def ask(self, line: str) -> str:
        """Return nothing: its answer is bytes, and only that it comes counts."""
        self._exchange(line, "latin-1")
        return ""


def instrument(bench: Bench, name: str, port: int, **options: object) -> Host:
    """Start a host with one instrument, called `it`."""
    file: Path = INSTRUMENTS / f"{name}.toml"
    address = f"tcp://127.0.0.1:{port}"
    return bench.host(lab(bench.folder, {"it": {"file": file, "address": address, **options}}, poll="200 ms"))


def value(host: Host, path: str) -> str:
    """Read a parameter."""
    return host.cli("get", "-t", path).ok().text


def check_a_temperature_controller_by_its_file(bench: Bench) -> None:
    """Settings, two values in one answer, sensors that are out of range, names in quotes."""
    simulator = Sinstrument(bench.folder, "cryocon.simulator", "CryoCon")
    bench.later(simulator.kill)
    host = instrument(bench, "cryocon", simulator.port)
    host.cli("set", "it.setpoint", "12.5 K").ok()
    equal(simulator.ask("LOOP? 1:SETP"), "12.500", "setpoint by the instrument")
    host.cli("set", "it.range", "high").ok()
    equal(simulator.ask("LOOP? 1:RANG"), "HI", "range by the instrument")
    near(float(value(host, "it.power")), 40.3, 1e-6, "power")
    near(float(value(host, "it.rate")), 10, 1e-6, "rate")
    host.cli("set", "it.name", "cryostat 3").ok()
    equal(simulator.ask("SYST:NAM?"), "cryostat 3", "name by the instrument")
    host.cli("call", "it", "engage").ok()
    equal(value(host, "it.control"), "on", "control")
    host.cli("stop", "it").ok()
    equal(value(host, "it.control"), "off", "control after a stop")

    # The simulator's sensor gives a number, or dots, or dashes, as chance will have it.
    seen = set()

    def seen_all() -> bool:
        read = host.cli("get", "it")
        seen.add("value" if read.code == 0 else read.err.split("(")[-1].rstrip(")\n"))
        return {"value", "OutOfRange", "ReadFailed"} <= seen

    until(f"readings of all kinds, not only {seen}", seen_all)


def check_a_pressure_controller_by_its_file(bench: Bench) -> None:
    """Answers that repeat the question, an error queue after each write, bools and enums."""
    simulator = Sinstrument(bench.folder, "gepace.simulator", "Pace")
    bench.later(simulator.kill)
    host = instrument(bench, "pace", simulator.port)
    holds(34.5 < float(value(host, "it.pressure")) < 35.6, "pressure")
    host.cli("set", "it.setpoint", "1 bar").ok()
    equal(simulator.ask("SOUR1:PRES?"), "SOUR1:PRES 1000.00", "setpoint by the instrument")
    host.cli("set", "it.slew_mode", "maximum").ok()
    equal(simulator.ask("SOUR1:PRES:SLEW:MODE?"), "SOUR1:PRES:SLEW:MODE MAX", "mode by the instrument")
    host.cli("set", "it.output", "true").ok()
    equal(value(host, "it.output"), "true", "output")
    holds(value(host, "it.identity").startswith("GE Druck"), "identity")


def check_a_heating_stage_by_its_file(bench: Bench) -> None:
    """Bytes and hexadecimal digits in one answer, scaled numbers, and a start that takes a while to show."""
    stage = Stage()
    bench.later(stage.end)
    host = instrument(bench, "linkam-t95", stage.port)
    near(float(value(host, "it")), 24, 0.05, "temperature")
    equal(value(host, "it.state"), "stopped", "state")
    equal(value(host, "it.pump"), "0", "pump")
    host.cli("set", "it.rate", "150 K/min").ok()
    host.cli("set", "it.limit", "60").ok()
    host.cli("call", "it", "start").ok()
    until("it heats", lambda: value(host, "it.state") == "heating")
    until("it is warmer", lambda: float(value(host, "it")) > 25)
    host.cli("call", "it", "end").ok()
    until("it has stopped", lambda: value(host, "it.state") == "stopped")
