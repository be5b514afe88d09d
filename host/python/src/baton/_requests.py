"""What is asked for, the same for threads and for tasks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Union

from . import _datatypes
from ._calls import Call
from ._description import CommandInfo, DeviceInfo, ParameterInfo, suggest
from ._link import Reply
from .errors import ConnectionLost, NoSuchCommand, NoSuchModule, NoSuchParameter, ReadOnly, WrongType, from_report
from .messages import Message, Subscription
from .reading import Reading, Status

if TYPE_CHECKING:
    from ._session import Session


def device(session: Session, name: str) -> DeviceInfo:
    """Find a device; raises `NoSuchModule` with the name that was probably meant."""
    found = session.node.find(name)
    if found is None:
        raise NoSuchModule(f"there is no device `{name}`{suggest(name, session.node.devices)}")
    return found


def parameter(info: DeviceInfo, name: str) -> ParameterInfo:
    """Find a parameter; raises `NoSuchParameter`."""
    found = info.find(name)
    if isinstance(found, ParameterInfo):
        return found
    if found is not None:
        raise NoSuchParameter(f"{found.path} is a command: `{info.name}.{found.name}()`")
    raise NoSuchParameter(f"{info.name} has no parameter `{name}`{suggest(name, info.parameters)}")


def command(info: DeviceInfo, name: str) -> CommandInfo:
    """Find a command; raises `NoSuchCommand`."""
    found = info.find(name)
    if isinstance(found, CommandInfo):
        return found
    if found is not None:
        raise NoSuchCommand(f"{found.path} is a parameter, not a command")
    raise NoSuchCommand(f"{info.name} has no command `{name}`{suggest(name, info.commands)}")


def split(path: str) -> tuple[str, str]:
    """`stage.position` and `stage:value` as device and the rest, which may be empty."""
    name, _, rest = path.replace(":", ".", 1).partition(".")
    return name, rest


def reading(info: ParameterInfo, data: Any, lost: int = 0) -> Reading:
    """A reading as it comes in replies and updates, `[value, {"t", "q"}]`."""
    value, about = [*data, {}][:2]
    decoded = _datatypes.decode(info.datainfo, value)
    quality = about.get("q", "good")
    return Reading(info.path, decoded, info.unit, about.get("t", 0.0), quality, lost=lost, fmtstr=info.fmtstr)


def kept(info: ParameterInfo, data: Any) -> Reading:
    """A reading of the history, `[value, {"t"}]`, or `[null, {"t", "error"}]`."""
    about = data[1]
    if about.get("error"):
        return Reading(info.path, None, info.unit, about.get("t", 0.0), error=from_report(about["error"]))
    return reading(info, data)


def read(session: Session, info: ParameterInfo) -> Reply:
    """Ask the hardware for a reading."""
    return session.send("read", f"{info.device}:{info.read}")


def wait_for(session: Session, info: ParameterInfo, value: Any, within: Any, hold: Any, timeout: Any) -> Reply:
    """Ask to be told when a parameter has a value; a text may begin with a comparison."""
    comparison = "="
    if isinstance(value, str):
        comparison = next((sign for sign in ("!=", ">=", "<=", ">", "<", "=") if value.startswith(sign)), "")
        value, comparison = value[len(comparison) :].strip(), comparison or "="
    data = {
        "path": info.path,
        "value": _datatypes.encode(info.datainfo, value, info.path),
        "is": comparison,
        "within": within,
        "for": seconds(hold),
        "timeout": seconds(timeout),
        # Says under which number it can be cancelled.
        "progress": True,
    }
    return session.ask("_wait_for", {key: item for key, item in data.items() if item is not None})


def wait_no_more(session: Session, reply: Reply) -> None:
    """Take back what `wait_for` has asked."""
    if isinstance(reply.news, dict) and not reply.is_settled():
        try:
            session.ask("_cancel", {"call": reply.news.get("call")})
        except ConnectionLost:
            pass


def status(data: Any) -> Status:
    """A status as it comes in a reply."""
    code, text = data[0]
    return Status(code, text)


def write(session: Session, info: ParameterInfo) -> Call[Reading]:
    """A call that writes; nothing is sent yet."""
    found = session.node.devices.get(info.device)
    return Call(session, info.path, info.device, bool(found and found.has_stop), lambda data: reading(info, data))


def begin_write(session: Session, info: ParameterInfo, value: Any, call: Call[Reading]) -> Call[Reading]:
    """Send a write."""
    if info.write is None:
        raise ReadOnly(f"{info.path} is read-only")
    session.locks.check(info.device, info.name)
    data = _datatypes.encode(info.write_datainfo, value, info.path)
    call.begin("change", f"{info.device}:{info.write}", data, info.moves)
    return call


def run(session: Session, info: CommandInfo) -> Call[Any]:
    """A call that runs a command; nothing is sent yet."""
    found = session.node.devices.get(info.device)
    result = info.result

    def decode(data: Any) -> Any:
        return None if result is None or data is None else _datatypes.decode(result, data[0])

    return Call(session, info.path, info.device, bool(found and found.has_stop), decode)


def begin_run(session: Session, info: CommandInfo, args: Any, kwargs: Any, call: Call[Any]) -> Call[Any]:
    """Send a command."""
    data = argument(info, args, kwargs)
    session.locks.check(info.device, None)
    call.begin("do", f"{info.device}:{info.accessible}", data, info.long)
    return call


def argument(info: CommandInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What is sent for the arguments of a command, which takes one: keywords are the fields of a struct."""
    if info.argument is None:
        if args or kwargs:
            raise WrongType(f"{info.path} takes no argument")
        return None
    if len(args) > 1 or (args and kwargs) or not (args or kwargs):
        takes = _datatypes.article(info.argument)
        if info.argument.get("type") == "struct":
            takes = ", ".join(f"{name}=…" for name in info.argument.get("members", {}))
        raise WrongType(f"{info.path} takes one argument, {takes}")
    return _datatypes.encode(info.argument, args[0] if args else kwargs, info.path)


def changes(session: Session, info: ParameterInfo, latest: bool, since: Any = None) -> Subscription[Reading]:
    """What follows the readings of a parameter; not subscribed yet."""

    def convert(message: Message) -> Reading:
        payload = message.payload
        t = payload.get("t", message.t)
        if "error" in payload:
            error = from_report([payload["error"].get("class"), payload["error"].get("text"), {}])
            return Reading(info.path, None, info.unit, t, error=error, lost=message.lost)
        return reading(info, [payload.get("value"), {"t": t, "q": payload.get("quality", "good")}], message.lost)

    return Subscription(session.subscriptions, info.path, "changed", convert, latest=latest, since=since)


def statuses(session: Session, name: str) -> Subscription[Status]:
    """What follows the status of a device; not subscribed yet."""

    def convert(message: Message) -> Status:
        return Status(message.payload.get("code", 0), message.payload.get("text", ""))

    return Subscription(session.subscriptions, name, "status", convert)


def messages(session: Session, sender: str, message: str) -> Subscription[Message]:
    """What follows messages; not subscribed yet."""
    return Subscription(session.subscriptions, sender, message, lambda message: message)


def targets(what: Iterable[Any]) -> list[str]:
    """The names of what is to be locked: devices, parameters, texts, and collections of these."""
    found: list[str] = []
    for one in what:
        if isinstance(one, str):
            found.append(one.replace(":", ".", 1))
        elif hasattr(one, "_target"):
            found.append(one._target)
        elif isinstance(one, Iterable):
            found.extend(targets(one))
        else:
            raise WrongType(f"only devices and parameters can be locked, not {one!r}")
    return found


def seconds(value: Union[None, float, str, timedelta]) -> Union[None, float, str]:
    """A time as the host takes it: seconds, or a text with a unit."""
    return value.total_seconds() if isinstance(value, timedelta) else value
