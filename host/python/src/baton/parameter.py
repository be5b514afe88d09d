"""Parameters of devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from . import _datatypes, _display, _requests
from ._calls import Call, perform
from ._description import ParameterInfo
from ._link import NULL
from .errors import BatonError, NoSuchParameter
from .locking import Lockable
from .messages import Subscription
from .reading import Numeric, Reading

if TYPE_CHECKING:
    from .lab import Lab


class Limits(NamedTuple):
    """The smallest and the greatest value that may be asked for, in `unit`, and who has set them."""

    lower: Optional[float]
    upper: Optional[float]
    unit: str
    origin: Any

    def __str__(self) -> str:
        bounds = (-1e300 if self.lower is None else self.lower, 1e300 if self.upper is None else self.upper)
        return _display.limits([bounds], self.unit) or "none"


class Parameter(Numeric, Lockable):
    """A named value of a device.

    Where a number is due it reads itself: `stage.position + 1`, `if stage.position > 3`. A `with` block locks it.

    >>> lab.stage.position.get()
    <stage.position = 0.000 mm, simulated, ...>
    >>> lab.stage.position.unit, lab.stage.position.limits.upper
    ('mm', 50.0)
    """

    def __init__(self, lab: Lab, device: str, name: str) -> None:
        self._lab = lab
        self._session = lab._session
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

    @property
    def datatype(self) -> Mapping[str, Any]:
        """Its datatype, as SECoP describes it."""
        return self._info.datainfo

    @property
    def is_writable(self) -> bool:
        """Whether it can be written."""
        return self._info.write is not None

    @property
    def choices(self) -> list[str]:
        """The members of an enum; nothing for others."""
        members = self._info.datainfo.get("members")
        return list(members) if self._info.datainfo.get("type") == "enum" and isinstance(members, Mapping) else []

    def get(self) -> Reading:
        """Read it from the hardware."""
        info = self._info
        reply = _requests.read(self._session, info)
        reply.wait_settled()
        return _requests.reading(info, reply.outcome())

    @property
    def value(self) -> Any:
        """Its value, read from the hardware."""
        return self.get().value

    @property
    def target(self) -> Optional[Reading]:
        """What was asked for last; `None` if nothing was."""
        info = self._info
        if info.write is None or info.write == info.read:
            return None
        reply = self._session.send("read", f"{info.device}:{info.write}")
        reply.wait_settled()
        try:
            return _requests.reading(info, reply.outcome())
        except BatonError:
            return None

    def set(self, value: Any) -> Call[Reading]:
        """Ask for a value, and return at once: the call is done when it has arrived.

        A number is in the unit of the parameter; a text may have a unit of its own, and so has a quantity of pint.
        """
        info = self._info
        return _requests.begin_write(self._session, info, value, _requests.write(self._session, info))

    def put(self, value: Any) -> Reading:
        """Ask for a value, and wait until it has arrived. Ctrl-C stops the device."""
        info = self._info
        call = _requests.write(self._session, info)
        return perform(call, lambda: _requests.begin_write(self._session, info, value, call))

    @property
    def limits(self) -> Optional[Limits]:
        """The limits that count; `None` if there are none. Set to `(lower, upper)` to narrow them, `None` for neither.

        >>> lab.stage.position.limits = ("5 mm", "1 cm")
        >>> lab.stage.position.limits[:3]
        (5.0, 10.0, 'mm')
        >>> lab.stage.position.limits = None
        """
        info = self._info
        if info.limits is None:
            return None
        reply = self._session.send("read", f"{info.device}:{info.limits}")
        reply.wait_settled()
        try:
            (lower, upper), about = reply.outcome()
        except NoSuchParameter:
            return None
        bounds = [None if abs(bound) > 1e300 else bound for bound in (lower, upper)]
        return None if bounds == [None, None] else Limits(bounds[0], bounds[1], info.unit, about.get("_origin"))

    @limits.setter
    def limits(self, bounds: Optional[tuple[Any, Any]]) -> None:
        info = self._info
        if info.limits is None:
            raise NoSuchParameter(f"{info.path} has no limits")
        self._session.locks.check(info.device, info.name)
        data = None if bounds is None else [_datatypes.encode({}, bound, info.path) for bound in bounds]
        line = NULL if data is None else data
        reply = self._session.send("change", f"{info.device}:{info.limits}", line)
        reply.wait_settled()
        reply.outcome()

    def zero(self, value: Any = 0) -> Reading:
        """Let the place where it is be called `value` from now on."""
        info = self._info
        self._session.locks.check(info.device, info.name)
        data = {"path": info.path, "value": _datatypes.encode(info.write_datainfo, value, info.path)}
        reply = self._session.ask("_set_zero", data)
        reply.wait_settled()
        return _requests.reading(info, reply.outcome()["reading"])

    def wait_for(
        self,
        value: Any,
        *,
        within: Union[None, float, str] = None,
        hold: Union[None, float, str] = None,
        timeout: Union[None, float, str] = None,
    ) -> Reading:
        """Wait until it has a value, within a tolerance, and perhaps for a time; return the reading.

        >>> lab.oven.temperature.wait_for("< 30 degC").quality
        'simulated'

        Raises `TimeoutError` when the timeout is over.
        """
        info = self._info
        reply = _requests.wait_for(self._session, info, value, within, hold, timeout)
        try:
            reply.wait_settled()
        except BaseException:
            _requests.wait_no_more(self._session, reply)
            raise
        return _requests.reading(info, reply.outcome()["reading"])

    def changes(self, *, latest: bool = False, since: Union[None, float, str] = None) -> Subscription[Reading]:
        """Iterate over its readings: the present one first, then each change, until `break` or `close()`.

        Who is slow loses the oldest; `reading.lost` says how many were lost before it. With `latest` there is never
        more than the last one waiting. `since` has the host send those of the last seconds first.
        """
        subscription = _requests.changes(self._session, self._info, latest, _requests.seconds(since))
        return self._session.subscriptions.add(subscription)

    def history(self, since: Union[None, float, str] = None) -> list[Reading]:
        """The last readings that the host keeps, oldest first: those of so many seconds, or all.

        >>> len(lab.stage.position.history()) > 0
        True
        """
        data = {"path": self.path, **({} if since is None else {"since": _requests.seconds(since)})}
        reply = self._session.ask("_history", data)
        reply.wait_settled()
        info = self._info
        return [_requests.kept(info, item) for item in reply.outcome()["readings"]]

    def subscribe(self, handler: Callable[[Reading], object], *, latest: bool = False) -> Subscription[Reading]:
        """Have `handler` called with each reading, in a thread of its own; the present one comes first.

        The same handler again, as when a cell of a notebook runs again, takes the place of the earlier one.
        """
        subscription = _requests.changes(self._session, self._info, latest)
        return self._session.subscriptions.serve(subscription, handler)

    def __baton__(self) -> Any:
        return self.get().value

    def __enter__(self) -> Parameter:
        self._enter()
        return self

    def __exit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        self._exit()

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Parameter):
            return (self._session, self.path) == (other._session, other.path)
        return self.get() == other

    def __ne__(self, other: object) -> Any:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.path)

    def __str__(self) -> str:
        return str(self.get())

    def __repr__(self) -> str:
        try:
            info = self._info
            found = _display.reading(info, self._session.known(self._device), info.read)
        except BatonError as error:
            return f"<{self.path}: {error}>"
        return f"<{self.path}: {found}>" if found is not None else f"<{self.path}>"
