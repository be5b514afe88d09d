"""What is known of a parameter at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Optional

from ._datatypes import to_pint
from .errors import BatonError


def _binary(function: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Numeric, other: Any) -> Any:
        return function(self.__baton__(), _bare(other))

    def backward(self: Numeric, other: Any) -> Any:
        return function(_bare(other), self.__baton__())

    return forward, backward


def _bare(other: Any) -> Any:
    return other.__baton__() if isinstance(other, Numeric) else other


class Numeric:
    """What can be calculated with as the value that it has."""

    __slots__ = ()

    def __baton__(self) -> Any:
        """The bare value."""
        raise NotImplementedError

    __add__, __radd__ = _binary(operator.add)
    __sub__, __rsub__ = _binary(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow)
    __lt__, __gt__ = _binary(operator.lt)
    __le__, __ge__ = _binary(operator.le)

    def __neg__(self) -> Any:
        return -self.__baton__()

    def __abs__(self) -> Any:
        return abs(self.__baton__())

    def __round__(self, digits: Optional[int] = None) -> Any:
        return round(self.__baton__(), digits)

    def __float__(self) -> float:
        return float(self.__baton__())

    def __int__(self) -> int:
        return int(self.__baton__())

    def __index__(self) -> int:
        return operator.index(self.__baton__())

    def __bool__(self) -> bool:
        value = self.__baton__()
        # A member of an enum is a text; its number says whether it is something.
        return bool(getattr(value, "number", value))

    def __len__(self) -> int:
        return len(self.__baton__())

    def __getitem__(self, key: Any) -> Any:
        return self.__baton__()[key]

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        import numpy

        return numpy.array(self.__baton__(), dtype=dtype)

    def __format__(self, spec: str) -> str:
        return format(self.__baton__(), spec) if spec else str(self)


class Reading(Numeric):
    """A value with its unit, its time and its quality; calculates as its value.

    `quality` is `good`, `stale`, `not verified` or `simulated`. Of a parameter that cannot be read there is an `error`
    instead of a value. `lost` counts the readings that a subscriber has missed before this one.

    >>> reading = lab.stage.position.get()
    >>> print(reading)
    0.000 mm
    >>> reading.value, reading.unit, reading.quality
    (0.0, 'mm', 'simulated')
    >>> reading + 1
    1.0
    """

    __slots__ = ("_format", "_value", "error", "lost", "path", "quality", "t", "unit")

    def __init__(
        self,
        path: str,
        value: Any,
        unit: str = "",
        t: float = 0.0,
        quality: str = "good",
        *,
        error: Optional[BatonError] = None,
        lost: int = 0,
        fmtstr: str = "",
    ) -> None:
        self.path = path
        self._value = value
        self.unit = unit
        self.t = t
        self.quality = "error" if error is not None else quality
        self.error = error
        self.lost = lost
        self._format = fmtstr

    @property
    def value(self) -> Any:
        """The value; raises the error if there is none."""
        if self.error is not None:
            raise self.error
        return self._value

    @property
    def time(self) -> datetime:
        """When it was so, in local time. `t` is the same in seconds since the Unix epoch."""
        return datetime.fromtimestamp(self.t, timezone.utc).astimezone()

    @property
    def quantity(self) -> Any:
        """The value with its unit as a quantity of pint.

        Raises `ImportError` if pint is not installed.
        """
        return to_pint(self.value, self.unit)

    def to(self, unit: str) -> float:
        """The value in another unit; needs pint.

        >>> lab.oven.temperature.get().to("K") > 290
        True
        """
        return float(self.quantity.to(to_pint(1, unit).units).magnitude)

    def __baton__(self) -> Any:
        return self.value

    def __eq__(self, other: object) -> Any:
        return self.value == _bare(other)

    def __ne__(self, other: object) -> Any:
        return self.value != _bare(other)

    def __hash__(self) -> int:
        return hash((self.path, self.t))

    def text(self) -> str:
        """The value alone, with the digits that are worth showing."""
        if self.error is not None:
            return "error"
        return show(self._value, self._format)

    def __str__(self) -> str:
        if self.error is not None:
            return f"no value: {self.error}"
        return f"{self.text()} {self.unit}".rstrip()

    def __repr__(self) -> str:
        return f"<{self.path} = {self}, {self.quality}, {self.time:%H:%M:%S.%f}>"


class Status:
    """How a device is: `state` is `disabled`, `idle`, `warn`, `busy` or `error`, `text` says more.

    >>> lab.stage.status
    <Status idle>
    >>> lab.stage.status.is_busy
    False
    """

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text

    @property
    def state(self) -> str:
        """The state in a word."""
        states = ("disabled", "idle", "warn", "busy", "error")
        return states[min(max(self.code // 100, 0), 4)]

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way."""
        return self.state == "busy"

    @property
    def is_error(self) -> bool:
        """Whether `clear_errors()` or `reopen()` is due."""
        return self.state == "error"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Status):
            return (self.code, self.text) == (other.code, other.text)
        return self.state == other

    def __hash__(self) -> int:
        return hash((self.code, self.text))

    def __str__(self) -> str:
        return f"{self.state}: {self.text}" if self.text else self.state

    def __repr__(self) -> str:
        return f"<Status {self}>"


def show(value: Any, fmtstr: str = "") -> str:
    """A value for people; long arrays are cut."""
    if isinstance(value, float):
        return (fmtstr or "%.6g") % value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {show(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)) or hasattr(value, "shape"):
        items = [show(item, fmtstr) for item in value[:6]] if len(value) else []
        return f"[{', '.join(items)}{', …' if len(value) > 6 else ''}]"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
