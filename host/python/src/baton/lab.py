"""A lab, as a host serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Optional

from . import _display, _requests
from ._calls import Call
from ._description import suggest
from ._locks import Terms
from ._session import Session
from .device import Device, Members
from .errors import BatonError
from .locking import Lock
from .messages import Message, Subscription
from .parameter import Parameter
from .reading import Reading


class Lab:
    """All devices of a lab, and what is asked of the lab as a whole. Devices are its attributes: `lab.stage`.

    All threads that use one lab are one owner, to whom a lock belongs; `owner()` opens another. The connection comes
    back by itself when it was lost; what was locked does not.

    >>> lab.stage.position = "2 mm"
    >>> lab["stage.position"].value
    2.0
    >>> sorted(lab.devices)
    ['detector', 'oven', 'pump', 'shutter', 'stage', 'supply']
    """

    def __init__(self, session: Session) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_made", {})

    _session: Session
    _made: dict[str, Device]

    @property
    def name(self) -> str:
        """The name of the lab."""
        return self._session.node.name

    @property
    def address(self) -> str:
        """Where its host is."""
        return str(self._session.address)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return self._session.is_open

    @property
    def membership(self) -> str:
        """What lets another program act as the same owner, in its environment as `BATON_OWNER`. It is a secret."""
        return f"{self._session.token}@{self._session.address}"

    @property
    def devices(self) -> Members[Device]:
        """All devices by name."""
        return Members(lambda: list(self._session.node.devices), self._device)

    def _device(self, name: str) -> Device:
        name = _requests.device(self._session, name).name
        made = self._made.get(name)
        if made is None:
            # The same object each time, so that it is found again when its `with` block is left.
            made = self._made.setdefault(name, Device(self, name))
        return made

    def __getattr__(self, name: str) -> Device:
        find = self._session.node.find
        found = find(name) or (find(name[:-1]) if name.endswith("_") else None)
        if found is None or name.startswith("__"):
            raise AttributeError(f"there is no device `{name}`{suggest(name, self._session.node.devices)}")
        return self._device(found.name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a lab cannot be given anything; to write to a device: `lab.{name}.set(...)`")

    def __getitem__(self, path: str) -> Any:
        """`lab["stage"]` is a device, `lab["stage.position"]` a parameter."""
        name, parameter = _requests.split(path)
        device = self._device(name)
        return device[parameter] if parameter else device

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    def __dir__(self) -> list[str]:
        devices = [f"{name}_" if hasattr(type(self), name) else name for name in self._session.node.devices]
        return sorted({*devices, *(name for name in super().__dir__() if not name.startswith("_"))})

    def _ipython_key_completions_(self) -> list[str]:
        devices = self._session.node.devices.values()
        return [*(one.name for one in devices), *(info.path for one in devices for info in one.parameters.values())]

    def _parameter(self, path: str) -> Parameter:
        found = self[path]
        return found if isinstance(found, Parameter) else found._main()

    def get(self, path: str) -> Reading:
        """`get("stage.position")`: read a parameter from the hardware; of a device alone, its main parameter."""
        return self._parameter(path).get()

    def set(self, path: str, value: Any) -> Call[Reading]:
        """`set("stage.position", 2)`: ask for a value and return at once."""
        return self._parameter(path).set(value)

    def lock(
        self,
        *targets: Any,
        note: Optional[str] = None,
        wait: Optional[float] = 60.0,
        lease: Optional[float] = None,
        keepalive: float = 15.0,
    ) -> Lock:
        """Lock devices and parameters, whole or not at all, for a `with` block.

        `wait` is in seconds: 0 to be refused at once, `None` to wait as long as it takes. `note` is what others see.
        The lock ends after `lease` seconds, and when this program is not heard for `keepalive` seconds.

        >>> with lab.lock(lab.stage, lab.pump["flow"], note="tomo run 12", wait=30):
        ...     lab.pump.flow = "2 ml/min"

        Raises `Locked` with who has it when the time is over, `WouldDeadlock` with the cycle.
        """
        names = _requests.targets(targets)
        if not names:
            raise ValueError("lock() wants something to lock: `lab.lock(lab.stage, lab.pump['flow'])`")
        return Lock(self._session, names, Terms(note=note, wait=wait, lease=lease, keepalive=keepalive))

    def listen(
        self, sender: str = "*", message: str = "*", handler: Optional[Callable[[Message], object]] = None
    ) -> Subscription[Message]:
        """Have `handler` called with each message of that sender and name, in a thread of its own; `*` for all.

        Without a handler, iterate over what is returned. The same handler again, as when a cell of a notebook runs
        again, takes the place of the earlier one.

        >>> lab.listen("*", "limit_hit", print)
        <subscription to *:limit_hit, open>
        """
        subscription = _requests.messages(self._session, sender, message)
        if handler is None:
            return self._session.subscriptions.add(subscription)
        return self._session.subscriptions.serve(subscription, handler)

    def subscribe(
        self, path: str, handler: Callable[[Reading], object], *, latest: bool = False
    ) -> Subscription[Reading]:
        """Have `handler` called with each reading of a parameter; the present one comes first."""
        return self._parameter(path).subscribe(handler, latest=latest)

    def send(self, message: str, payload: Any = None) -> None:
        """Send a message to whoever listens; its sender is `client:` and a name."""
        self._ask("_send", {"message": message, "payload": payload})

    def stop(self) -> _display.Rows:
        """Stop everything that moves, whoever set it going, past all locks. Returns how each device took it.

        Raises `BatonError` if a device did not stop.
        """
        devices = self._ask("_stop_all", {})["devices"]
        failed = [one for one in devices if one["outcome"] in ("no answer", "failed")]
        rows = _display.Rows("stopped", ["device", "outcome", "error"], devices)
        if failed:
            texts = [f"{one['device']}: {one.get('error') or one['outcome']}" for one in failed]
            raise BatonError("not stopped: " + "; ".join(texts), {"devices": devices})
        return rows

    def who(self) -> _display.Rows:
        """Everything that keeps anybody from anything: locks, running calls, protection, and who waits.

        >>> with lab.lock(lab.stage, note="alignment"):
        ...     [(row["targets"], row["note"]) for row in lab.who()]
        [(['stage'], 'alignment')]
        """
        holders = self._ask("_who", {})
        return _display.Rows("who has what", ["targets", "kind", "owner", "note", "running", "waiting"], holders)

    def status(self) -> _display.Record:
        """How the host is: devices that are down or stuck, connections, locks, calls."""
        return _display.Record(self.name, self._ask("_status", {}))

    def drivers(self) -> _display.Rows:
        """What became of each driver file."""
        return _display.Rows("drivers", ["name", "version", "state", "file"], self._ask("_drivers", {})["drivers"])

    def break_lock(self, target: Any, holder: int) -> None:
        """Take a lock from whoever has it: the `id` of an `owner` in `who()`, so that nobody else is hit."""
        for name in _requests.targets([target]):
            self._ask("_break", {"target": name, "holder": holder})

    def protect(self, *targets: Any, note: Optional[str] = None, permanent: bool = False) -> None:
        """Let nobody write to these, oneself included, until `unprotect`; `permanent` lasts as long as the host."""
        data = {"targets": _requests.targets(targets), "permanent": permanent, **({"note": note} if note else {})}
        self._ask("_protect", data)

    def unprotect(self, *targets: Any) -> None:
        """Take protection back."""
        self._ask("_unprotect", {"targets": _requests.targets(targets)})

    def _ask(self, action: str, data: Any) -> Any:
        reply = self._session.ask(action, data)
        reply.wait_settled()
        return reply.outcome()

    def owner(self, program: Optional[str] = None) -> Lab:
        """Open another owner, whose locks keep this one off, too; `program` is what others see of it."""
        return Lab(Session(self._session.address, program=program or self._session.program))

    def close(self) -> None:
        """End the session, and with it all its locks and subscriptions. Does nothing if it has ended."""
        self._session.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        self.close()

    def _table(self) -> _display.Table:
        return _display.of_lab(self._session.node, self.address, self._session.known())

    def __repr__(self) -> str:
        try:
            return self._table().text()
        except BatonError as error:
            return f"<lab at {self.address}: {error}>"

    def _repr_html_(self) -> str:
        return self._table().html()
