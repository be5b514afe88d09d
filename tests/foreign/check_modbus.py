"""Modbus instruments of pymodbus and lewis, connected by files alone: over TCP, over RTU, and several on one line."""

import shutil
from pathlib import Path

from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient

from bench import ROOT, Bench, Host, equal, holds, near, need, tool
from processes import Process, free_port, until

OVEN = ROOT / "config/instruments/modbus-temperature-controller.toml"
BOX = Path(__file__).with_name("instruments") / "lewis-modbus.toml"
HOLDING_MODE, SETPOINT = 4, 0


class Ovens:
    """Some ovens at the end of one line, by pymodbus; and what they have, asked past Baton."""

    def __init__(self, framer: str, *units: int) -> None:
        self.port = free_port()
        self._framer = FramerType(framer)
        self._units = units
        self.start(*units)

    def start(self, *units: int) -> None:
        """Start it, with these units."""
        program = Path(__file__).with_name("modbus_oven.py")
        command = [tool("python"), "-B", program, self.port, self._framer.value, *units]
        self.process = Process([str(word) for word in command])
        self.process.wait_for(f"listening on {self.port}")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()

    def holding(self, address: int, unit: int = 1) -> int:
        """Return what is in a holding register."""
        with ModbusTcpClient("127.0.0.1", port=self.port, framer=self._framer) as client:
            return client.read_holding_registers(address, count=1, device_id=unit).registers[0]

    def coil(self, address: int, unit: int = 1) -> bool:
        """Return what a coil is."""
        with ModbusTcpClient("127.0.0.1", port=self.port, framer=self._framer) as client:
            return client.read_coils(address, count=1, device_id=unit).bits[0]


def ovens(bench: Bench, framer: str, *units: int) -> Ovens:
    """Start ovens, which end with the check."""
    simulated = Ovens(framer, *units)
    bench.later(lambda: simulated.kill())
    return simulated


def host(bench: Bench, devices: str) -> Host:
    """Start a host with these devices."""
    config = bench.folder / "lab.toml"
    config.write_text(f'[lab]\nname = "modbus"\n\n[host]\npoll = "200 ms"\n\n{devices}')
    return bench.host(config)


def alone(file: Path, options: str) -> str:
    """Return a device with a line of its own."""
    return f'[devices.oven]\ndriver = "modbus"\ntype = "instrument"\noptions = {{ file = "{file}", {options} }}\n'


def works(simulated: Ovens, running: Host, device: str = "oven", unit: int = 1) -> None:
    """Read, set, and hold what was set against the instrument itself."""
    near(float(running.cli("get", "-t", device).ok().text), 23.5, 1e-6, "temperature")
    holds(simulated.coil(0, unit), "what is under `init` was not written")
    done = running.cli("--json", "set", device, "30 degC").ok().json
    equal(done["outcome"], "done", "outcome")
    near(done["reading"]["value"], 30, 0.5, "readback")
    equal(simulated.holding(SETPOINT, unit), 300, "setpoint by the instrument")
    running.cli("set", f"{device}.mode", "tuning").ok()
    equal(simulated.holding(HOLDING_MODE, unit), 0b0011_0000, "mode by the instrument")
    running.cli("set", f"{device}.ramp", "2.5 K/min").ok()
    equal(simulated.holding(2, unit), 0x4020, "ramp by the instrument")
    equal(running.cli("get", "-t", f"{device}.serial_number").ok().text, "MB-001", "serial number")
    near(float(running.cli("get", "-t", f"{device}.hours").ok().text), 70000, 0.5, "hours")


def check_an_oven_over_tcp(bench: Bench) -> None:
    """The usual way, and again after the simulator was killed."""
    simulated = ovens(bench, "socket", 1)
    running = host(bench, alone(OVEN, f'address = "tcp://127.0.0.1:{simulated.port}"'))
    works(simulated, running)
    simulated.kill()
    until("the oven is down", lambda: running.cli("--json", "status").ok().json["down"])
    simulated.start(1)
    until("a reading again", lambda: running.cli("get", "-t", "oven").code == 0)
    works(simulated, running)


def check_an_oven_is_stopped_on_its_way(bench: Bench) -> None:
    """Stop makes the setpoint what the temperature is; the command that waited is told."""
    simulated = ovens(bench, "socket", 1)
    running = host(bench, alone(OVEN, f'address = "tcp://127.0.0.1:{simulated.port}"'))
    running.cli("set", "oven", "300 degC", "--no-wait").ok()
    until("it heats", lambda: float(running.cli("get", "-t", "oven").ok().text) > 25)
    running.cli("stop", "oven").ok()
    until("it holds", lambda: running.cli("--json", "status").ok().json["down"] == [])
    holds(simulated.holding(SETPOINT) < 3000, f"setpoint {simulated.holding(SETPOINT)} after the stop")


def check_an_oven_over_rtu_through_tcp(bench: Bench) -> None:
    """A serial device server, as which pymodbus passes."""
    simulated = ovens(bench, "rtu", 1)
    running = host(bench, alone(OVEN, f'mode = "rtu", address = "tcp://127.0.0.1:{simulated.port}"'))
    works(simulated, running)


def check_two_units_and_a_dead_one_on_a_serial_line(bench: Bench) -> None:
    """RTU on a serial port, which socat makes: the living answer at their rate, and the dead one comes back."""
    need("socat")
    simulated = ovens(bench, "rtu", 1, 2)
    port = bench.folder / "rs485"
    bench.start("socat", f"PTY,link={port},raw,echo=0", f"TCP:127.0.0.1:{simulated.port}")
    until("the port is there", port.exists)
    units = "".join(
        f'[devices.oven{unit}]\ncontroller = "line"\ntype = "instrument"\n'
        f'options = {{ file = "{OVEN}", unit = {unit}, reply_timeout = "500 ms" }}\n'
        for unit in (1, 2, 3)
    )
    address = f"serial://{port}?baud=115200"
    line = f'[controllers.line]\ndriver = "modbus"\ntype = "bus"\noptions = {{ address = "{address}" }}\n'
    running = host(bench, line + units)
    works(simulated, running, "oven1", 1)
    works(simulated, running, "oven2", 2)
    failed = running.cli("get", "oven3").code_is(1)
    holds("unit 3" in failed.err, f"get of a dead unit: {failed.err}")
    down = [row["device"] for row in running.cli("--json", "status").ok().json["down"]]
    equal(down, ["oven3"], "what is down")


def check_the_modbus_device_of_lewis(bench: Bench) -> None:
    """Its holding and input registers are the same memory, and so are its coils and discrete inputs."""
    port = free_port()
    options = f"modbus: {{bind_address: 127.0.0.1, port: {port}}}"
    simulator = bench.start(tool("lewis"), "-k", "lewis.examples", "modbus_device", "-p", options)
    simulator.wait_for(f"Listening on 127.0.0.1:{port}|{port}")
    running = host(bench, alone(BOX, f'address = "tcp://127.0.0.1:{port}"').replace("devices.oven", "devices.box"))
    until("the box answers", lambda: running.cli("get", "-t", "box").code == 0)
    running.cli("set", "box.level", "12.34 mm").ok()
    near(float(running.cli("get", "-t", "box.level_read").ok().text), 12.34, 1e-9, "the input register")
    running.cli("set", "box.count", "-70000").ok()
    equal(running.cli("get", "-t", "box.count_read").ok().text, "-70000", "two registers, low word first")
    running.cli("set", "box.flow", "0.1 l/min").ok()
    near(float(running.cli("get", "-t", "box.flow").ok().text), 0.1, 1e-12, "a float")
    running.cli("set", "box.label", "Probe 7").ok()
    equal(running.cli("get", "-t", "box.label").ok().text, "Probe 7", "a text")
    running.cli("set", "box.valve", "open").ok()
    equal(running.cli("get", "-t", "box.valve_read").ok().text, "open", "the discrete input")


def check_try_and_test_without_a_lab(bench: Bench) -> None:
    """`baton instrument try` shows the frames, and what it has kept is passed without the simulator."""
    simulated = ovens(bench, "socket", 1)
    file = bench.folder / "oven.toml"
    shutil.copy(OVEN, file)
    dialogue = str(bench.folder / "oven.dialogue")
    on = f"tcp://127.0.0.1:{simulated.port}"
    tried = bench.cli("instrument", "try", str(file), "--on", on, "--record", dialogue).ok()
    for shown in ("temperature = 23.5 degC", "mode = off", "serial_number = MB-001"):
        holds(shown in tried.out, f"no {shown!r} in:\n{tried.out}")
    equal(simulated.holding(SETPOINT), 235, "setpoint")
    simulated.kill()
    bench.cli("instrument", "test", str(file), dialogue).ok()
