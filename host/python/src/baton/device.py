"""Devices and their commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, Union

from . import _display, _requests
from ._calls import Call, perform
from ._description import CommandInfo, DeviceInfo, ParameterInfo, suggest
from .errors import BatonError, NoSuchParameter
from .locking import Lockable
from .messages import Message, Subscription
from .parameter import Parameter
from .reading import Reading, Status

if TYPE_CHECKING:
    from ._session import Session
    from .lab import Lab

T = TypeVar("T")


class Members(Mapping[str, T], Generic[T]):
    """Parameters or commands of a device by name, in the order of its table."""

    def __init__(self, names: Callable[[], list[str]], get: Callable[[str], T]) -> None:
        self._names = names
        self._get = get

    def __getitem__(self, name: str) -> T:
        if name not in self._names():
            raise KeyError(name)
        return self._get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"<{', '.join(self._names())}>"


class Command:
    """A named action of a device: calling it runs it and waits until it is done. Ctrl-C stops the device.

    >>> lab.stage.home()
    >>> lab.stage.home.doc
    'Finds the zero: runs to the lower end switch, and from there to 0 mm'
    """

    def __init__(self, lab: Lab, device: str, name: str) -> None:
        self._session = lab._session
        self._device = device
        self.name = name

    @property
    def _info(self) -> CommandInfo:
        return _requests.command(_requests.device(self._session, self._device), self.name)

    @property
    def path(self) -> str:
        """`stage.home`."""
        return f"{self._device}.{self.name}"

    @property
    def doc(self) -> str:
        """What it does."""
        return self._info.doc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, wait until it is done, and return its result. Keywords are the fields of an argument with several."""
        info = self._info
        call = _requests.run(self._session, info)
        return perform(call, lambda: _requests.begin_run(self._session, info, args, kwargs, call))

    def start(self, *args: Any, **kwargs: Any) -> Call[Any]:
        """Run it, and return at once: the call is done when it is."""
        info = self._info
        return _requests.begin_run(self._session, info, args, kwargs, _requests.run(self._session, info))

    def __repr__(self) -> str:
        return f"<command {self.path}: {self.doc}>"


class Device(Lockable):
    """A device of the lab. Its parameters and commands are its attributes; a `with` block locks it.

    >>> stage = lab.stage
    >>> stage.position = "2 mm"          # waits until arrived; Ctrl-C stops the motor
    >>> stage.velocity.value
    5.0
    >>> with stage:                      # nobody else writes to it inside
    ...     stage.position = 3
    ...     stage.home()

    A name that Python or this class has already is reached as `stage["set"]` or, with an underscore behind it,
    `stage.set_`.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        put = object.__setattr__
        put(self, "_lab", lab)
        put(self, "_session", lab._session)
        put(self, "_name", name)
        put(self, "_made", {})

    _lab: Lab
    _session: Session
    _name: str
    _made: dict[str, Any]

    @property
    def _info(self) -> DeviceInfo:
        return _requests.device(self._session, self._name)

    @property
    def _target(self) -> str:
        return self._name

    def _targets(self) -> list[str]:
        return [self._name]

    @property
    def name(self) -> str:
        """Its name in the lab."""
        return self._name

    @property
    def doc(self) -> str:
        """What it is for."""
        return self._info.doc

    @property
    def parameters(self) -> Members[Parameter]:
        """Its parameters by name."""
        return Members(lambda: list(self._info.parameters), lambda name: self[name])

    @property
    def commands(self) -> Members[Command]:
        """Its commands by name."""
        return Members(lambda: list(self._info.commands), self.command)

    def command(self, name: str) -> Command:
        """The command of that name."""
        found: Command = self._member(_requests.command(self._info, name))
        return found

    def __getitem__(self, name: str) -> Parameter:
        found: Parameter = self._member(_requests.parameter(self._info, name))
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        self[name].put(value)

    def _member(self, info: Union[ParameterInfo, CommandInfo]) -> Any:
        # The same object each time, so that it is found again when its `with` block is left.
        made = self._made.get(info.name)
        kind = Parameter if isinstance(info, ParameterInfo) else Command
        if not isinstance(made, kind):
            made = self._made[info.name] = kind(self._lab, self._name, info.name)
        return made

    def __getattr__(self, name: str) -> Any:
        info = self._info
        found = info.find(name) or (info.find(name[:-1]) if name.endswith("_") else None)
        if found is None or name.startswith("__"):
            known = [*info.parameters, *info.commands]
            raise AttributeError(f"{self._name} has no parameter or command `{name}`{suggest(name, known)}")
        return self._member(found)

    def __setattr__(self, name: str, value: Any) -> None:
        member = Parameter if hasattr(type(self), name) else self.__getattr__(name)
        if member is Parameter:
            raise AttributeError(
                f"`{name}` of a device cannot be set; a parameter of this name is {self._name}[{name!r}]"
            )
        if not isinstance(member, Parameter):
            raise AttributeError(f"{self._name}.{name} is a command: `{self._name}.{name}()`")
        # `stage.position += 1` has asked for the value; that it is set to itself asks nothing.
        if value is not member:
            member.put(value)

    def __dir__(self) -> list[str]:
        info = self._info
        own = [f"{name}_" if hasattr(type(self), name) else name for name in (*info.parameters, *info.commands)]
        return sorted({*own, *(name for name in super().__dir__() if not name.startswith("_"))})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._info.parameters)

    def _main(self) -> Parameter:
        main = self._info.main
        if main is None:
            raise NoSuchParameter(f"{self._name} has no main parameter: name one")
        return self[main]

    def get(self, name: Optional[str] = None) -> Reading:
        """Read a parameter from the hardware; the main one if none is named."""
        return (self._main() if name is None else self[name]).get()

    def set(self, *args: Any) -> Call[Reading]:
        """`set("position", 3)`: ask for a value and return at once. `set(3)` means the main parameter.

        >>> call = lab.stage.set("position", 3)
        >>> call.wait(timeout=10).done()
        True
        """
        if not 1 <= len(args) <= 2:
            raise TypeError("set() takes a value, or a name and a value")
        return (self._main() if len(args) == 1 else self[args[0]]).set(args[-1])

    def call(self, name: str, *args: Any, **kwargs: Any) -> Call[Any]:
        """Run a command, and return at once."""
        return self.command(name).start(*args, **kwargs)

    def stop(self) -> None:
        """Stop it at once, whoever set it going and whoever has it locked."""
        reply = self._session.send("do", f"{self._name}:stop")
        reply.wait_settled()
        reply.outcome()

    @property
    def status(self) -> Status:
        """Whether it is ready, busy or in error."""
        reply = self._session.send("read", f"{self._name}:status")
        reply.wait_settled()
        return _requests.status(reply.outcome())

    @property
    def locked_by(self) -> str:
        """Who has locked it, or parts of it; empty if nobody has."""
        reply = self._session.send("read", f"{self._name}:_locked_by")
        reply.wait_settled()
        return str(reply.outcome()[0])

    def reopen(self) -> None:
        """Close it and open it again: the last way out of an error."""
        reply = self._session.ask("_reopen", {"device": self._name})
        reply.wait_settled()
        reply.outcome()

    def subscribe(self, name: str, handler: Callable[[Any], object], *, latest: bool = False) -> Subscription[Any]:
        """Have `handler` called with each reading of a parameter, or with each `"status"`; what is so comes first.

        The same handler again, as when a cell of a notebook runs again, takes the place of the earlier one.

        >>> readings = []
        >>> lab.stage.subscribe("position", readings.append).close()
        """
        if name == "status" and name not in self._info.parameters:
            return self._session.subscriptions.serve(_requests.statuses(self._session, self._name), handler)
        return self[name].subscribe(handler, latest=latest)

    def listen(self, message: str, handler: Callable[[Message], object]) -> Subscription[Message]:
        """Have `handler` called with each message of that name; `*` for all."""
        return self._session.subscriptions.serve(_requests.messages(self._session, self._name, message), handler)

    def __enter__(self) -> Device:
        self._enter()
        return self

    def __exit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        self._exit()

    def _table(self) -> _display.Table:
        return _display.of_device(self._info, self._session.known(self._name))

    def __repr__(self) -> str:
        try:
            return self._table().text()
        except BatonError as error:
            return f"<device {self._name}: {error}>"

    def _repr_html_(self) -> str:
        return self._table().html()
