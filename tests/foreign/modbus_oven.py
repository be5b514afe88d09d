"""An oven by pymodbus' simulator, as config/instruments/modbus-temperature-controller.toml describes it.

    python modbus_oven.py PORT FRAMER UNIT...

FRAMER is `socket` or `rtu`, both over TCP. Each unit is an oven of its own; units that are not there do not answer.
"""

import asyncio
import sys
import time

from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

STOP = 6
# Tenths of a degree in a second.
RATE = 200


class Oven:
    """An oven at 23.5 degC that has nothing to do."""

    def __init__(self) -> None:
        self.temperature = self.setpoint = 235
        self._since = time.monotonic()

    async def act(
        self,
        function: int,
        start: int,
        address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> None:
        """Do what is written, and show what is read."""
        self._pass_time()
        first = dict(enumerate(values or [], address))
        if function in (6, 16) and 0 in first:
            self.setpoint = first[0]
        if function in (5, 15) and first.get(STOP):
            self.setpoint = self.temperature
        if function == 3:
            registers[-start] = self.setpoint
        if function == 4:
            registers[-start] = self.temperature
            registers[4 - start] = int(self.temperature != self.setpoint)

    def _pass_time(self) -> None:
        now = time.monotonic()
        step = int((now - self._since) * RATE)
        if step:
            self._since = now
            self.temperature += max(-step, min(step, self.setpoint - self.temperature))

    def device(self, unit: int) -> SimDevice:
        """Return it as a unit on a line."""
        bits = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
        inputs = [235, 0, 1, 4464, 0, *[0] * 11, 0x4D42, 0x2D30, 0x3031, 0, 0, 0]
        tables = (
            bits,
            bits,
            [SimData(0, values=[0] * 16, datatype=DataType.REGISTERS)],
            [SimData(0, values=inputs, datatype=DataType.REGISTERS)],
        )
        return SimDevice(unit, simdata=tables, action=self.act)


async def main() -> None:
    """Serve until the end."""
    port, framer, *units = sys.argv[1:]
    place = {"rtu": 0, "socket": 6}[framer]

    def only_who_is_there(sending: bool, frame: bytes) -> bytes:
        """Leave out what pymodbus answers for units that are not there."""
        is_there = not sending or str(frame[place]) in units
        return frame if is_there else b""

    server = ModbusTcpServer(
        [Oven().device(int(unit)) for unit in units],
        framer=FramerType(framer),
        address=("127.0.0.1", int(port)),
        trace_packet=only_who_is_there,
    )
    await server.serve_forever(background=True)
    print(f"listening on {port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
