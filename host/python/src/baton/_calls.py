"""Calls: what a device was asked to do, until it is done."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from ._link import Link, Reply
from ._promise import Promise
from .errors import BatonError, Cancelled, ConnectionLost, StillRunning, Stopped, TimeoutError, from_report

if TYPE_CHECKING:
    from ._session import Session

T = TypeVar("T")

# A device that is told to stop has so long to be at rest (S1), and some.
_STOP_WAIT = 3.0


class Call(Generic[T]):
    """A write or a command on its way: a future that also tells its device to stop.

    It can be waited for by threads, and awaited. Nobody has to: dropping it changes nothing, the call goes on. Ctrl-C
    in a wait, and the cancellation of a task that awaits it, stop what moves.

    >>> call = lab.stage.set("position", 3)
    >>> call.wait(timeout=10).done()
    True
    >>> print(call.result())
    3.000 mm
    """

    def __init__(self, session: Session, path: str, device: str, has_stop: bool, decode: Callable[[Any], T]) -> None:
        self.path = path
        self._session = session
        self._device = device
        self._has_stop = has_stop
        self._decode = decode
        self._promise: Promise[T] = Promise()
        self._link: Optional[Link] = None
        # By which the host knows it.
        self._number: Optional[int] = None
        self._cancelled = False
        self._is_stopping = False
        # Whether anybody has asked how it ended.
        self._asked = False
        # Where it has left its parameter, if it failed.
        self._left: Any = None

    def begin(self, action: str, specifier: str, data: Any, follows: bool) -> None:
        """Send the request. With `follows`, the reply says that the driver has taken it, and it is done later."""
        self._session.locks.touch()
        link = self._session.link()
        reply = Reply()
        reply.when_settled(lambda reply: self._replied(reply, follows))
        # Before it is sent: whoever is interrupted from here on has to stop what may move.
        self._link = link
        link.send(action, specifier, data, reply)

    def _replied(self, reply: Reply, follows: bool) -> None:
        try:
            data = reply.outcome()
        except TimeoutError as error:
            # It takes longer than a reply may; nothing has failed yet.
            number = error.detail.get("_call")
            self._fail(error) if number is None else self._follow(number)
        except Exception as error:
            self._fail(error)
        else:
            number = data[1].get("_call") if len(data) > 1 else None
            if follows and number is not None:
                self._follow(number)
            else:
                self._succeed(data)

    def _follow(self, number: int) -> None:
        self._number = number
        reply = Reply()
        reply.when_settled(self._resolved)
        self._tell("_wait", reply)
        if self._cancelled and not self._is_stopping:
            self._tell("_cancel", Reply())

    def _tell(self, action: str, reply: Reply) -> None:
        assert self._link is not None
        try:
            self._link.send(action, self._session.new_token(), {"call": self._number}, reply)
        except ConnectionLost as error:
            reply.settle(error=error)

    def _resolved(self, reply: Reply) -> None:
        try:
            data = reply.outcome()
        except Exception as error:
            return self._fail(error)
        if data.get("outcome") == "done":
            return self._succeed(data.get("reading"))
        self._left = data.get("reading")
        self._fail(from_report(data.get("error"), str(data.get("outcome"))))

    def _succeed(self, data: Any) -> None:
        try:
            value = self._decode(data)
        except Exception as error:
            self._fail(error)
        else:
            self._promise.settle(value)

    def _fail(self, error: BaseException) -> None:
        if self._cancelled and isinstance(error, Stopped):
            # By ourselves, as it had no number yet to be cancelled by.
            error = Cancelled(error.text, error.detail)
        # Without the frames that it has passed, which know this call: it would never be forgotten.
        self._promise.settle(error=error.with_traceback(None))

    def done(self) -> bool:
        """Whether it is over, in whatever way."""
        return self._promise.is_settled()

    def wait(self, timeout: Optional[float] = None) -> Call[T]:
        """Wait until it is done, and return it. Ctrl-C stops what moves.

        Raises what went wrong; `StillRunning` after `timeout` seconds, and then it goes on.
        """
        try:
            settled = self._promise.wait_settled(timeout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self.halt()) from None
        if not settled:
            raise StillRunning(f"{self.path} is still running after {timeout:g} s", {"_call": self._number})
        self._outcome()
        return self

    def result(self, timeout: Optional[float] = None) -> T:
        """As `wait`, and return what came of it: where a write has arrived, what a command has answered."""
        self.wait(timeout)
        return self._outcome()

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Wait, and return what went wrong instead of raising it; `None` if nothing did."""
        try:
            self.wait(timeout)
        except BatonError as error:
            if not self.done():
                raise
            return error
        return None

    def cancel(self) -> bool:
        """Tell the host to give it up, and to stop what it moves; `False` if it is over already.

        The call then ends as `Cancelled`.
        """
        if self.done():
            return False
        self._give_up()
        return True

    def _give_up(self) -> Optional[Reply]:
        """Tell the host; the answer is that to a stop, if it took one."""
        self._cancelled = True
        if self._number is not None:
            reply = Reply()
            self._tell("_cancel", reply)
            return reply
        if not self._has_stop or self._link is None:
            return None
        # It has no number yet; a stop passes everything.
        self._is_stopping = True
        try:
            return self._stop()
        except ConnectionLost:
            return None  # Then it is on its way to end like this, too.

    def add_done_callback(self, callback: Callable[[Call[T]], object]) -> None:
        """Have `callback` called with this when it is over, by another thread; it must not block."""
        self._promise.when_settled(lambda _: callback(self))

    def halt(self) -> str:
        """Stop what it moves after Ctrl-C, and say in words what is so now."""
        self._asked = True
        if self.done() or self._link is None:
            return f"{self.path}: interrupted"
        reply = self._give_up()
        self._promise.wait_settled(_STOP_WAIT)
        if reply is not None:
            # A stop that is still to come would end the next motion.
            reply.wait_settled(_STOP_WAIT)
        if self._has_stop and (not self.done() or isinstance(self._promise.error, ConnectionLost)):
            # What it has begun goes on without the connection, and without its answer.
            try:
                self._stop().wait_settled(_STOP_WAIT)
            except BatonError as error:
                return f"{self.path}: interrupted; {self._device} could not be told to stop: {error}"
        if not self.done():
            return f"{self.path}: interrupted; the host has not said yet that {self._device} has stopped"
        if self._left is not None:
            try:
                return f"{self.path}: interrupted; {self._device} stopped at {self._decode(self._left)}"
            except Exception:
                pass  # What it has left is of another kind.
        return f"{self.path}: interrupted; {self._device} stopped"

    def _stop(self) -> Reply:
        reply = Reply()
        self._session.link().send("do", f"{self._device}:stop", None, reply)
        return reply

    def _outcome(self) -> T:
        self._asked = True
        return self._promise.outcome()

    def __await__(self) -> Generator[Any, None, T]:
        try:
            yield from self._promise.settled().__await__()
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self._outcome()

    def __repr__(self) -> str:
        if not self.done():
            return f"<{self.path}: running>"
        try:
            return f"<{self.path}: done, {self._promise.outcome()}>"
        except Exception as error:
            return f"<{self.path}: {error}>"

    def __del__(self) -> None:
        # A refusal that nobody looks at would be a motor that nobody knows has not moved.
        if not getattr(self, "_asked", True) and self.done() and not self._cancelled:
            try:
                self._promise.outcome()
            except Exception as error:
                print(f"baton: {error} (nobody has asked for the result of this call)", file=sys.stderr)


def perform(call: Call[T], begin: Callable[[], object]) -> T:
    """Begin a call and wait for it; wherever Ctrl-C comes in between, what moves is stopped."""
    try:
        begin()
        call._promise.wait_settled()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(call.halt()) from None
    return call._outcome()
