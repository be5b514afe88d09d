"""A circulator that sinstruments simulates, over TCP, UDP, a serial pty and socat, connected by a file alone."""

from pathlib import Path

from bench import Bench, Host, equal, holds, near
from processes import until
from simulators import INSTRUMENTS, SerialLine, Sinstrument, lab

FILE = INSTRUMENTS / "julabo-cf31.toml"


def julabo(bench: Bench) -> Sinstrument:
    """Start the circulator."""
    simulator = Sinstrument(bench.folder, "julabo.simulator", "JulaboCF")
    bench.later(simulator.kill)
    return simulator


def host(bench: Bench, address: str, file: Path = FILE) -> Host:
    """Start a host with the circulator at an address."""
    return bench.host(lab(bench.folder, {"bath": {"file": file, "address": address}}, poll="200 ms"))


def works(simulator: Sinstrument, host: Host, setpoint: float) -> None:
    """Read, change, read back, and ask the instrument itself."""
    near(float(host.cli("get", "-t", "bath.temperature").ok().text), 29.45, 1e-6, "temperature")
    host.cli("set", "bath.setpoint", f"{setpoint} degC").ok()
    near(float(host.cli("get", "-t", "bath.setpoint").ok().text), setpoint, 1e-6, "setpoint by the host")
    near(float(simulator.ask("in_sp_00", "\r")), setpoint, 1e-6, "setpoint by the instrument")
    host.cli("set", "bath.circulation", "on").ok()
    equal(host.cli("get", "-t", "bath.message").ok().text, "03 REMOTE START", "message")


def comes_back(simulator: Sinstrument, host: Host) -> None:
    """Kill the simulator while it is polled, start it again, and see it work without anybody's help."""
    simulator.kill()
    until("the bath is down", lambda: host.cli("--json", "status").ok().json["down"])
    failed = host.cli("get", "bath").code_is(1)
    holds("bath" in failed.err, f"get: {failed.err}")
    simulator.start()
    until("a reading again", lambda: host.cli("get", "-t", "bath").code == 0)
    works(simulator, host, 24.5)


def check_over_tcp(bench: Bench) -> None:
    """The usual way, and again after the simulator was killed."""
    simulator = julabo(bench)
    running = host(bench, f"tcp://127.0.0.1:{simulator.port}")
    works(simulator, running, 22.5)
    comes_back(simulator, running)


def check_over_udp(bench: Bench) -> None:
    """Datagrams: there is no connection to lose."""
    simulator = julabo(bench)
    works(simulator, host(bench, f"udp://127.0.0.1:{simulator.udp_port}"), 23.5)


def check_over_a_serial_pty(bench: Bench) -> None:
    """The simulator's own pty, and again after the simulator was killed, which takes its pty along."""
    simulator = julabo(bench)
    running = host(bench, f"pty://{simulator.pty}")
    works(simulator, running, 22.5)
    comes_back(simulator, running)


def check_over_a_serial_line_through_socat(bench: Bench) -> None:
    """A serial port with its parameters; the line is pulled out and plugged in again."""
    simulator = julabo(bench)
    line = SerialLine(bench.folder, simulator.port)
    bench.later(line.kill)
    running = host(bench, f"serial://{line.path}?baud=4800&data=7&parity=even")
    works(simulator, running, 22.5)
    line.kill()
    until("the bath is down", lambda: running.cli("--json", "status").ok().json["down"])
    line.start()
    until("a reading again", lambda: running.cli("get", "-t", "bath").code == 0)
    works(simulator, running, 24.5)


def check_a_serial_line_is_taken_by_one_host_alone(bench: Bench) -> None:
    """A second host says who has it (X4)."""
    simulator = julabo(bench)
    line = SerialLine(bench.folder, simulator.port)
    bench.later(line.kill)
    address = f"serial://{line.path}?baud=9600"
    first = host(bench, address)
    works(simulator, first, 22.5)
    second = bench.cli("instrument", "try", str(FILE), "--on", address, "temperature").code_is(69)
    holds(str(first.process.pid) in second.out, f"it does not say who has the line:\n{second.out}{second.err}")
    works(simulator, first, 23.5)
