"""What a host says that its lab consists of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from . import _datatypes


@dataclass(frozen=True)
class ParameterInfo:
    """A parameter, under the driver's name of it."""

    device: str
    name: str
    # What is read and what is written on the wire; the main parameter has two accessibles.
    read: str
    write: Optional[str]
    datainfo: Mapping[str, Any]
    write_datainfo: Mapping[str, Any]
    doc: str
    limits: Optional[str]
    # Whether a write is answered when the driver has taken it, and done when it has arrived.
    moves: bool

    @property
    def path(self) -> str:
        """`stage.position`."""
        return f"{self.device}.{self.name}"

    @property
    def unit(self) -> str:
        """The unit of its numbers; empty if they have none."""
        return _datatypes.unit(self.datainfo)

    @property
    def fmtstr(self) -> str:
        """How its numbers are shown, in the manner of C."""
        info = self.datainfo
        while info.get("type") == "array":
            info = info.get("members", {})
        return str(info.get("fmtstr", ""))


@dataclass(frozen=True)
class CommandInfo:
    """A command, under the driver's name of it."""

    device: str
    name: str
    accessible: str
    argument: Optional[Mapping[str, Any]]
    result: Optional[Mapping[str, Any]]
    doc: str
    # Whether it is answered when the driver has taken it.
    long: bool

    @property
    def path(self) -> str:
        """`stage.home`."""
        return f"{self.device}.{self.name}"


@dataclass(frozen=True)
class DeviceInfo:
    """A device: its parameters and commands by name."""

    name: str
    doc: str
    kind: str
    interface: str
    main: Optional[str]
    members: tuple[str, ...]
    parameters: dict[str, ParameterInfo]
    commands: dict[str, CommandInfo]
    has_stop: bool

    def find(self, name: str) -> Union[ParameterInfo, CommandInfo, None]:
        """What is called so, or on the wire; upper and lower case do not count."""
        exact = self.parameters.get(name) or self.commands.get(name)
        if exact is not None:
            return exact
        plain = name.lower().lstrip("_")
        everything: list[Union[ParameterInfo, CommandInfo]] = [*self.parameters.values(), *self.commands.values()]
        by_name = next((info for info in everything if info.name.lower() == plain), None)
        if by_name is None and plain in ("value", "target") and self.main is not None:
            return self.parameters[self.main]
        return by_name


@dataclass(frozen=True)
class Node:
    """A lab, as its host describes it."""

    name: str
    doc: str
    firmware: str
    devices: dict[str, DeviceInfo] = field(default_factory=dict)

    @property
    def is_baton(self) -> bool:
        """Whether its host is a Baton, which knows locks and messages."""
        return self.firmware.startswith("baton")

    def find(self, name: str) -> Optional[DeviceInfo]:
        """The device of that name; upper and lower case do not count."""
        exact = self.devices.get(name)
        if exact is not None:
            return exact
        return next((device for device in self.devices.values() if device.name.lower() == name.lower()), None)

    def members(self, device: str) -> set[str]:
        """All devices that a device uses, itself included."""
        found: set[str] = set()
        waiting = [device]
        while waiting:
            name = waiting.pop()
            info = self.devices.get(name)
            if info is not None and name not in found:
                found.add(name)
                waiting.extend(info.members)
        return found


def parse(json: Mapping[str, Any]) -> Node:
    """Read the reply to `describe`."""
    devices = {name: _device(name, module) for name, module in json.get("modules", {}).items()}
    return Node(
        name=str(json.get("equipment_id", "")),
        doc=str(json.get("description", "")),
        firmware=str(json.get("firmware", "")),
        devices=devices,
    )


def _device(name: str, module: Mapping[str, Any]) -> DeviceInfo:
    accessibles: Mapping[str, Mapping[str, Any]] = module.get("accessibles", {})
    interface = str((module.get("interface_classes") or [""])[0])
    main = module.get("_main") if "_main" in module else "value"
    # Without a main parameter, `value` is the status once more.
    hidden = {"status", "stop", "target", "pollinterval", "_locked_by"} | ({"value"} if main is None else set())
    parameters: dict[str, ParameterInfo] = {}
    commands: dict[str, CommandInfo] = {}
    for wire, info in accessibles.items():
        datainfo: Mapping[str, Any] = info.get("datainfo", {})
        limited = wire[: -len("_limits")] if wire.endswith("_limits") else None
        if wire in hidden or (limited in accessibles and "_name" not in info):
            continue
        own = str(info.get("_name") or wire.lstrip("_"))
        if datainfo.get("type") == "command":
            commands[own] = CommandInfo(
                device=name,
                name=own,
                accessible=wire,
                argument=datainfo.get("argument"),
                result=datainfo.get("result"),
                doc=str(info.get("description", "")),
                long=bool(info.get("_long")) and not datainfo.get("result"),
            )
            continue
        write: Optional[str] = None if info.get("readonly", True) else wire
        if wire == "value" and "target" in accessibles:
            write = "target"
        parameters[own] = ParameterInfo(
            device=name,
            name=own,
            read=wire,
            write=write,
            datainfo=datainfo,
            write_datainfo=accessibles[write].get("datainfo", {}) if write else datainfo,
            doc=str(info.get("description", "")),
            limits=_limits(accessibles, write),
            moves=write == "target" and interface == "Drivable",
        )
    return DeviceInfo(
        name=name,
        doc=str(module.get("description", "")),
        kind=str(module.get("implementation", "")),
        interface=interface,
        main=main if main in parameters else None,
        members=tuple(str(member) for member in module.get("_members", ())),
        parameters=parameters,
        commands=commands,
        has_stop="stop" in accessibles,
    )


def _limits(accessibles: Mapping[str, Any], write: Optional[str]) -> Optional[str]:
    if write is None:
        return None
    named = f"{write}_limits"
    numbers = ("double", "int", "scaled")
    info = accessibles[write].get("datainfo", {})
    while info.get("type") == "array":
        info = info.get("members", {})
    return named if named in accessibles or info.get("type") in numbers else None


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, if one of the known names is near; else the names, if they are few."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1, 0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f" (it has: {', '.join(names)})" if 0 < len(names) <= 12 else ""
