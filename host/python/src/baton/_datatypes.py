"""Values as Python has them, and as they go over the wire."""

from __future__ import annotations

import base64
import enum
import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from .errors import RangeError, WrongType

Datainfo = Mapping[str, Any]


class Choice(str):
    """A member of an enum: its name as text, with its `number`.

    >>> lab.shutter.position.value
    Choice('closed', 0)
    >>> lab.shutter.position.value == "closed"
    True
    """

    number: int

    def __new__(cls, name: str, number: int) -> Choice:
        made = super().__new__(cls, name)
        made.number = number
        return made

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]
        return str(self), self.number

    def __int__(self) -> int:
        return self.number

    def __index__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        return f"Choice({str(self)!r}, {self.number})"


def decode(info: Datainfo, json: Any) -> Any:
    """Make a value of what came over the wire. An array of numbers is numpy's if that is installed."""
    kind = info.get("type")
    if json is None:
        return float("nan") if kind == "double" else None
    if kind == "double":
        return float(json)
    if kind == "scaled":
        return json * info.get("scale", 1.0)
    if kind == "enum":
        return _member(info.get("members", {}), json)
    if kind == "blob" and isinstance(json, str):
        return base64.b64decode(json)
    if kind == "array" and isinstance(json, list):
        return _array(info, json)
    if kind == "tuple" and isinstance(json, list):
        return tuple(decode(member, item) for member, item in zip(info.get("members", ()), json))
    if kind == "struct" and isinstance(json, dict):
        members = info.get("members", {})
        return {name: decode(members.get(name, {}), item) for name, item in json.items()}
    return json


def _member(members: Mapping[str, int], json: Any) -> Any:
    for name, number in members.items():
        if json in (number, name):
            return Choice(name, number)
    return json


def _array(info: Datainfo, json: list[Any]) -> Any:
    inner = info.get("members", {})
    items = [decode(inner, item) for item in json] if _element(info) not in ("double", "int", "bool") else json
    if _element(info) not in ("double", "int", "bool", "scaled"):
        return items
    try:
        import numpy
    except ImportError:
        return items
    try:
        return numpy.asarray(items, dtype={"int": None, "bool": bool}.get(_element(info), float))
    except ValueError:
        return items  # Rows of different lengths.


def _element(info: Datainfo) -> Any:
    while info.get("type") == "array":
        info = info.get("members", {})
    return info.get("type")


def encode(info: Datainfo, value: Any, path: str) -> Any:
    """Make of a value what goes over the wire; the host checks it, and converts units.

    Raises `WrongType` for what has no form there, `RangeError` for numbers that are none.
    """
    value = _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise RangeError(f"{path}: {value} is no finite number")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        if info.get("type") != "blob":
            raise WrongType(f"{path}: bytes are taken for a blob only; this is {article(info)}")
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        members = info.get("members", {})
        is_struct = isinstance(members, Mapping)
        return {
            str(name): encode(members.get(name, {}) if is_struct else {}, item, f"{path}.{name}")
            for name, item in value.items()
        }
    if isinstance(value, Sequence) or hasattr(value, "__iter__"):
        items = list(value)
        members = info.get("members", {})
        inner = members if isinstance(members, list) else [members] * len(items)
        inner = [*inner, *({} for _ in items[len(inner) :])]
        return [encode(info, item, f"{path}[{n}]") for n, (info, item) in enumerate(zip(inner, items))]
    raise WrongType(f"{path}: a {type(value).__name__} cannot be sent; this is {article(info)}")


def _plain(value: Any) -> Any:
    """What a value of a library's own type is in plain Python."""
    if hasattr(value, "__baton__"):
        return value.__baton__()
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, timedelta):
        return f"{value.total_seconds()!r} s"
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return from_pint(value)
    if hasattr(value, "tolist"):
        return value.tolist()  # An array of numpy, or one of its numbers.
    return value


def article(info: Datainfo) -> str:
    """What a datatype is, for people."""
    kind = str(info.get("type", "of an unknown kind"))
    if kind == "enum":
        return f"one of {', '.join(info.get('members', {}))}"
    return {"double": "a number", "int": "an integer", "bool": "true or false", "string": "a text"}.get(
        kind, f"a {kind}"
    )


def unit(info: Datainfo) -> str:
    """The unit of the numbers in a datatype; empty if they have none."""
    found = info.get("unit", "")
    if not found and info.get("type") == "array":
        return unit(info.get("members", {}))
    return str(found)


# What pint calls otherwise.
_PINT = {"Ohm": "ohm", "Å": "angstrom", "°C": "degC", "%": "percent", "Cel": "degC", "mL": "ml", "uL": "ul", "L": "l"}
_UCUM = {"°C": "degC", "Δ°C": "K", "°F": "degF", "Ω": "Ohm", "percent": "%", "°": "deg"}


def to_pint(value: Any, name: str) -> Any:
    """A quantity of pint's application registry."""
    try:
        import pint
    except ImportError as error:
        raise ImportError("a reading is a quantity if pint is installed: `pip install pint`") from error
    registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call,unused-ignore]
    text = re.sub(r"([^\W\d_]+|°C|%)", lambda found: _PINT.get(found[0], found[0]), name)
    text = re.sub(r"(?<=[^\W\d_])(-?\d)", r"**\1", text).replace(".", "*")
    return registry.Quantity(value, text or "dimensionless")


def from_pint(quantity: Any) -> Any:
    """A text with a unit, as hosts read it; a list of these for an array."""
    if hasattr(quantity.magnitude, "__len__"):
        return [from_pint(item) for item in quantity]
    name = f"{quantity.units:~}"
    for ours, theirs in ((" ** ", ""), (" / ", "/"), (" * ", ".")):
        name = name.replace(ours, theirs)
    name = re.sub(r"Δ?°[CF]|Ω|percent|°", lambda found: _UCUM.get(found[0], found[0]), name)
    magnitude = float(quantity.magnitude)
    return f"{magnitude!r} {name}" if name else magnitude
