"""The same for asyncio: what takes time is awaited, and the loop goes on meanwhile.

    async with baton.aio.connect() as lab:
        await lab.stage.set("position", 2)
        reading = await lab.stage.get("position")
        async with lab.stage, lab.pump["flow"]:
            await lab.stage.home()
        async for reading in lab.stage.position.changes():
            ...

A task that is cancelled while it awaits a write or a command stops what that moves, as Ctrl-C does elsewhere;
`asyncio.shield` keeps it going.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from types import TracebackType
from typing import Any, Optional, Union

from . import _display, _requests
from ._calls import Call
from ._description import CommandInfo, DeviceInfo, ParameterInfo, suggest
from ._link import Reply
from ._locks import Terms
from ._session import Session
from .errors import NoSuchParameter
from .locking import Lock, Lockable
from .messages import Message, Subscription
from .reading import Reading, Status

__all__ = ["Command", "Device", "Lab", "Parameter", "connect"]


class Parameter(Lockable):
    """A named value of a device; `async with` locks it."""

    def __init__(self, session: Session, device: str, name: str) -> None:
        self._session = session
        self._device = device
        self.name = name

    @property
    def _info(self) -> ParameterInfo:
        return _requests.parameter(_requests.device(self._session, self._device), self.name)

    @property
    def _target(self) -> str:
        return self.path

    def _targets(self) -> list[str]:
        return [self.path]

    @property
    def path(self) -> str:
        """`stage.position`."""
        return f"{self._device}.{self.name}"

    @property
    def unit(self) -> str:
        """The unit that it is in; empty if it has none."""
        return self._info.unit

    @property
    def doc(self) -> str:
        """What it is."""
        return self._info.doc

    async def get(self) -> Reading:
        """Read it from the hardware."""
        await _connected(self._session)
        info = self._info
        return _requests.reading(info, await _requests.read(self._session, info))

    def set(self, value: Any) -> Call[Reading]:
        """Ask for a value; await what is returned until it has arrived."""
        info = self._info
        return _requests.begin_write(self._session, info, value, _requests.write(self._session, info))

    async def wait_for(
        self,
        value: Any,
        *,
        within: Union[None, float, str] = None,
        hold: Union[None, float, str] = None,
        timeout: Union[None, float, str] = None,
    ) -> Reading:
        """Wait until it has a value, within a tolerance, and perhaps for a time; return the reading."""
        await _connected(self._session)
        info = self._info
        reply = _requests.wait_for(self._session, info, value, within, hold, timeout)
        try:
            return _requests.reading(info, (await reply)["reading"])
        except asyncio.CancelledError:
            _requests.wait_no_more(self._session, reply)
            raise

    async def changes(self, *, latest: bool = False, since: Union[None, float, str] = None) -> AsyncIterator[Reading]:
        """Iterate over its readings: the present one first, then each change."""
        subscription = _requests.changes(self._session, self._info, latest, _requests.seconds(since))
        async for reading in _follow(self._session, subscription):
            yield reading

    async def __aenter__(self) -> Parameter:
        await self._aenter()
        return self

    async def __aexit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        await self._aexit()

    def __repr__(self) -> str:
        return f"<{self.path}>"


class Command:
    """A named action of a device: call it, and await what is returned until it is done."""

    def __init__(self, session: Session, device: str, name: str) -> None:
        self._session = session
        self._device = device
        self.name = name

    @property
    def _info(self) -> CommandInfo:
        return _requests.command(_requests.device(self._session, self._device), self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Call[Any]:
        """Run it."""
        info = self._info
        return _requests.begin_run(self._session, info, args, kwargs, _requests.run(self._session, info))

    def __repr__(self) -> str:
        return f"<command {self._device}.{self.name}>"


class Device(Lockable):
    """A device of the lab. Its parameters and commands are its attributes; `async with` locks it."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.name = name
        self._made: dict[str, Any] = {}

    @property
    def _info(self) -> DeviceInfo:
        return _requests.device(self._session, self.name)

    @property
    def _target(self) -> str:
        return self.name

    def _targets(self) -> list[str]:
        return [self.name]

    def __getitem__(self, name: str) -> Parameter:
        found: Parameter = self._member(_requests.parameter(self._info, name))
        return found

    def _member(self, info: Union[ParameterInfo, CommandInfo]) -> Any:
        made = self._made.get(info.name)
        kind = Parameter if isinstance(info, ParameterInfo) else Command
        if not isinstance(made, kind):
            made = self._made[info.name] = kind(self._session, self.name, info.name)
        return made

    def __getattr__(self, name: str) -> Any:
        info = self._info
        found = info.find(name) or (info.find(name[:-1]) if name.endswith("_") else None)
        if found is None or name.startswith("__"):
            known = [*info.parameters, *info.commands]
            raise AttributeError(f"{self.name} has no parameter or command `{name}`{suggest(name, known)}")
        return self._member(found)

    def __dir__(self) -> list[str]:
        info = self._info
        return sorted({*info.parameters, *info.commands, *super().__dir__()})

    def _main(self) -> Parameter:
        main = self._info.main
        if main is None:
            raise NoSuchParameter(f"{self.name} has no main parameter: name one")
        return self[main]

    async def get(self, name: Optional[str] = None) -> Reading:
        """Read a parameter from the hardware; the main one if none is named."""
        return await (self._main() if name is None else self[name]).get()

    def set(self, *args: Any) -> Call[Reading]:
        """`set("position", 2)`: ask for a value; await what is returned until it has arrived."""
        if not 1 <= len(args) <= 2:
            raise TypeError("set() takes a value, or a name and a value")
        return (self._main() if len(args) == 1 else self[args[0]]).set(args[-1])

    async def stop(self) -> None:
        """Stop it at once, whoever set it going and whoever has it locked."""
        await _connected(self._session)
        await self._session.send("do", f"{self.name}:stop")

    async def status(self) -> Status:
        """Whether it is ready, busy or in error."""
        await _connected(self._session)
        return _requests.status(await self._session.send("read", f"{self.name}:status"))

    async def __aenter__(self) -> Device:
        await self._aenter()
        return self

    async def __aexit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        await self._aexit()

    def __repr__(self) -> str:
        return f"<device {self.name}: {self._info.kind}>"


class Lab:
    """All devices of a lab; its tasks are one owner."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: dict[str, Device] = {}

    def __getitem__(self, path: str) -> Any:
        """`lab["stage"]` is a device, `lab["stage.position"]` a parameter."""
        name, parameter = _requests.split(path)
        device = self._device(name)
        return device[parameter] if parameter else device

    def _device(self, name: str) -> Device:
        name = _requests.device(self._session, name).name
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = Device(self._session, name)
        return made

    def __getattr__(self, name: str) -> Device:
        find = self._session.node.find
        found = find(name) or (find(name[:-1]) if name.endswith("_") else None)
        if found is None or name.startswith("__"):
            raise AttributeError(f"there is no device `{name}`{suggest(name, self._session.node.devices)}")
        return self._device(found.name)

    def __dir__(self) -> list[str]:
        return sorted({*self._session.node.devices, *super().__dir__()})

    def lock(
        self,
        *targets: Any,
        note: Optional[str] = None,
        wait: Optional[float] = 60.0,
        lease: Optional[float] = None,
        keepalive: float = 15.0,
    ) -> Lock:
        """Lock devices and parameters, whole or not at all, for an `async with` block."""
        names = _requests.targets(targets)
        return Lock(self._session, names, Terms(note=note, wait=wait, lease=lease, keepalive=keepalive))

    async def listen(self, sender: str = "*", message: str = "*") -> AsyncIterator[Message]:
        """Iterate over messages; `*` for all."""
        async for one in _follow(self._session, _requests.messages(self._session, sender, message)):
            yield one

    async def stop(self) -> _display.Rows:
        """Stop everything that moves, whoever set it going, past all locks."""
        devices = (await self._ask("_stop_all"))["devices"]
        return _display.Rows("stopped", ["device", "outcome", "error"], devices)

    async def who(self) -> _display.Rows:
        """Everything that keeps anybody from anything."""
        columns = ["targets", "kind", "owner", "note", "running", "waiting"]
        return _display.Rows("who has what", columns, await self._ask("_who"))

    async def status(self) -> _display.Record:
        """How the host is."""
        return _display.Record(self._session.node.name, await self._ask("_status"))

    async def _ask(self, action: str) -> Any:
        await _connected(self._session)
        return await self._session.ask(action, {})

    async def close(self) -> None:
        """End the session, and with it all its locks and subscriptions."""
        await asyncio.to_thread(self._session.close)

    def __repr__(self) -> str:
        return f"<lab {self._session.node.name} at {self._session.address}>"


class connect:
    """Connect to a host, as `baton.connect` does, to a session of its own: `async with` closes it at the end.

    Awaited instead, it is the lab, to be closed by `await lab.close()`.
    """

    def __init__(self, address: Optional[str] = None) -> None:
        self._address = address
        self._lab: Optional[Lab] = None

    async def _open(self) -> Lab:
        from ._connecting import find

        where, token = find(self._address)
        opening = asyncio.ensure_future(asyncio.to_thread(Session, where, token=token))
        try:
            self._lab = Lab(await asyncio.shield(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_discard)
            raise
        return self._lab

    def __await__(self) -> Generator[Any, None, Lab]:
        return self._open().__await__()

    async def __aenter__(self) -> Lab:
        return await self._open()

    async def __aexit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        if self._lab is not None:
            await self._lab.close()


def _discard(opening: asyncio.Future[Session]) -> None:
    if opening.exception() is None:
        opening.result().close()


async def _connected(session: Session) -> None:
    """Wait for a connection that was lost, without blocking the loop."""
    if not session.is_connected:
        await asyncio.to_thread(session.link)


async def _follow(session: Session, subscription: Subscription[Any]) -> AsyncIterator[Any]:
    await _connected(session)
    with subscription:
        reply: Reply = session.subscriptions.begin(session.link(), subscription)
        await reply
        async for item in subscription:
            yield item
