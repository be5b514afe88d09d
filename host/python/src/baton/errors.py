"""What can go wrong, as exceptions.

Every error that a host reports has one of SECoP's classes and a text that says what, where, which bound, and what to
do next. The exception is named like the class and also is what Python calls such a thing: a [`RangeError`] is a
`ValueError`, a [`WrongType`] a `TypeError`.

>>> try:
...     lab.stage.position = "80 mm"
... except baton.RangeError as error:
...     print(error)
stage.position: 80 mm is outside the limits 0 mm to 50 mm set by the config at ...quickstart.toml:41:1
"""

from __future__ import annotations

import builtins
from typing import Any, Optional


class BatonError(Exception):
    """Anything that this package raises. `secop_class` is SECoP's name of it, `detail` what programs can use."""

    secop_class: str = "InternalError"

    def __init__(self, text: str, detail: Optional[dict[str, Any]] = None, secop_class: Optional[str] = None) -> None:
        super().__init__(text)
        self.text = text
        self.detail: dict[str, Any] = detail if detail is not None else {}
        if secop_class is not None:
            self.secop_class = secop_class


class Unreachable(BatonError, ConnectionError):
    """Nobody answers at an address, or somebody who does not speak SECoP."""

    secop_class = "CommunicationFailed"


class ConnectionLost(BatonError, ConnectionError):
    """The connection to the host is gone, and with it what was waited for. Locks are gone, too."""

    secop_class = "CommunicationFailed"


class LockLost(BatonError):
    """A lock has ended inside its `with` block: it was broken, its time was over, or the connection was lost.

    Every write to its targets raises this until the block is left.
    """

    secop_class = "IsBusy"


class ProtocolError(BatonError):
    """The host does not understand a request."""

    secop_class = "ProtocolError"


class BadJSON(ProtocolError):
    """The host cannot read what came with a request."""

    secop_class = "BadJSON"


class NoSuchModule(BatonError, LookupError):
    """The lab has no such device."""

    secop_class = "NoSuchModule"


class NoSuchParameter(BatonError, LookupError):
    """The device has no such parameter."""

    secop_class = "NoSuchParameter"


class NoSuchCommand(BatonError, LookupError):
    """The device has no such command."""

    secop_class = "NoSuchCommand"


class ReadOnly(BatonError):
    """The parameter cannot be written."""

    secop_class = "ReadOnly"


class Protected(ReadOnly):
    """Somebody protects it from being written by anybody; `detail["protected_by"]` says who."""


class WrongType(BatonError, TypeError):
    """The value is of another kind, or its unit does not fit."""

    secop_class = "WrongType"


class RangeError(BatonError, ValueError):
    """The value is outside the limits; the text says whose."""

    secop_class = "RangeError"


class OutOfRange(BatonError, ValueError):
    """The hardware says that a value is out of its range."""

    secop_class = "OutOfRange"


class NotSupported(BatonError):
    """The device cannot do this (SECoP's `NotImplemented`)."""

    secop_class = "NotImplemented"


class HardwareError(BatonError):
    """The hardware failed."""

    secop_class = "HardwareError"


class IsBusy(BatonError):
    """Something is in the way: a call that runs, or a lock."""

    secop_class = "IsBusy"


class Locked(IsBusy):
    """Somebody else has it. `locked_by` has `target`, `owner`, `since`, `note`, and `how` it is in the way."""

    @property
    def locked_by(self) -> dict[str, Any]:
        """Who is in the way."""
        found = self.detail.get("locked_by")
        return found if isinstance(found, dict) else {}


class CommandRunning(IsBusy):
    """A command of the device runs."""

    secop_class = "CommandRunning"


class CommunicationFailed(BatonError):
    """The host cannot reach the instrument."""

    secop_class = "CommunicationFailed"


class TimeoutError(BatonError, builtins.TimeoutError):
    """It took too long."""

    secop_class = "TimeoutError"


class StillRunning(TimeoutError):
    """A wait is over, and the call is not: it goes on, and can be waited for again."""


class IsError(BatonError):
    """The device is in an error: `clear_errors()` or `reopen()` is the way out."""

    secop_class = "IsError"


class Disabled(BatonError):
    """The device is switched off."""

    secop_class = "Disabled"


class Impossible(BatonError):
    """It cannot be done as things are."""

    secop_class = "Impossible"


class WouldDeadlock(Impossible):
    """The lock would wait for somebody who waits for us. `cycle` has who waits for what that who has."""

    @property
    def cycle(self) -> list[dict[str, Any]]:
        """`waiter`, `target` and `holder` of each link."""
        found = self.detail.get("cycle")
        return found if isinstance(found, list) else []


class Stopped(Impossible):
    """Somebody has stopped what the call did; `detail["by"]` says who."""


class Cancelled(Impossible):
    """The call was cancelled."""


class Superseded(Impossible):
    """A later write has taken the place of this one."""


class ReadFailed(BatonError):
    """There is no value to be had."""

    secop_class = "ReadFailed"


class InternalError(BatonError):
    """Something is wrong with the host itself."""


_BY_NAME: dict[str, type[BatonError]] = {
    kind.secop_class: kind
    for kind in (
        ProtocolError,
        BadJSON,
        NoSuchModule,
        NoSuchParameter,
        NoSuchCommand,
        ReadOnly,
        WrongType,
        RangeError,
        OutOfRange,
        NotSupported,
        HardwareError,
        IsBusy,
        CommandRunning,
        CommunicationFailed,
        TimeoutError,
        IsError,
        Disabled,
        Impossible,
        ReadFailed,
        InternalError,
    )
}

_BY_OUTCOME: dict[str, type[BatonError]] = {"stopped": Stopped, "cancelled": Cancelled, "superseded": Superseded}


def from_report(report: Any, outcome: str = "") -> BatonError:
    """Make the exception of an error report, `[class, text, detail]`, and of how a call ended."""
    items = report if isinstance(report, list) else [None, str(report)]
    name, text, detail = [*items, None, None, None][:3]
    name = str(name or "InternalError")
    detail = detail if isinstance(detail, dict) else {}
    kind = _BY_OUTCOME.get(outcome) or _by_detail(detail) or _BY_NAME.get(name, BatonError)
    text = str(text or name)
    if kind is WouldDeadlock:
        text = f"{text}; lock all of it at once: `with lab.lock(a, b):`"
    return kind(text, detail, name)


def _by_detail(detail: dict[str, Any]) -> Optional[type[BatonError]]:
    for key, kind in (("cycle", WouldDeadlock), ("broken_by", LockLost), ("locked_by", Locked)):
        if detail.get(key):
            return kind
    if detail.get("protected_by"):
        return Protected
    return Stopped if set(detail) == {"by"} else None
