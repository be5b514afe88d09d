"""Messages, and following them."""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from .errors import BatonError, TimeoutError

if TYPE_CHECKING:
    from ._subscriptions import Subscriptions

T = TypeVar("T")

# So many wait for whoever is slow.
QUEUE_MAX = 10_000
# A handler that fails so often in a row is called no more (M3).
_FAILURES_MAX = 10


class Message:
    """What was sent: who sent what, when, the how manieth of its name it is, and how many were lost before it."""

    __slots__ = ("lost", "message", "n", "payload", "sender", "t")

    def __init__(self, sender: str, message: str, payload: Any, t: float, n: int, lost: int) -> None:
        self.sender = sender
        self.message = message
        self.payload = payload
        self.t = t
        self.n = n
        self.lost = lost

    @property
    def time(self) -> datetime:
        """When it was sent, in local time. `t` is the same in seconds since the Unix epoch."""
        return datetime.fromtimestamp(self.t, timezone.utc).astimezone()

    def __repr__(self) -> str:
        lost = f", {self.lost} lost before" if self.lost else ""
        return f"<{self.sender}:{self.message} {self.payload!r}, {self.time:%H:%M:%S.%f}{lost}>"


class Subscription(Generic[T]):
    """Something that is followed: by a handler, or by whoever iterates over this. `close()` or `with` ends it."""

    def __init__(
        self,
        owner: Subscriptions,
        sender: str,
        message: str,
        convert: Callable[[Message], T],
        *,
        latest: bool = False,
        since: Optional[float] = None,
    ) -> None:
        self.sender = sender
        self.message = message
        self.latest = latest
        # How many were lost so far.
        self.lost = 0
        self._since = since
        self._owner = owner
        self._convert = convert
        # By which the host knows it on this connection.
        self._id: Optional[int] = None
        self._queue: deque[Message] = deque()
        self._changed = threading.Condition()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False
        self._error: Optional[BaseException] = None
        # The last number of each sender and message, and those that the connection at hand has not said anything of.
        self._numbers: dict[tuple[str, str], int] = {}
        self._resumed: dict[tuple[str, str], bool] = {}

    def close(self) -> None:
        """End it. Does nothing if it has ended."""
        if self._owner.remove(self):
            self._end(None)

    def _end(self, error: Optional[BaseException]) -> None:
        with self._changed:
            self._closed = True
            self._error = error
            self._queue.clear()
            self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        for loop, event in self._waiters:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                pass  # The loop is closed: nobody waits any more.

    def _resume(self, same_host: bool) -> None:
        """There is a new connection."""
        with self._changed:
            self._resumed = dict.fromkeys(self._numbers, same_host)

    def _wants(self, sender: str, message: str) -> bool:
        pattern = self.sender.lower()
        senders = (sender.lower(), sender.lower().partition(".")[0])
        is_sender = any(fnmatch.fnmatchcase(name, pattern) for name in senders)
        return is_sender and fnmatch.fnmatchcase(message.lower(), self.message.lower())

    def _put(self, message: Message) -> None:
        key = (message.sender, message.message)
        with self._changed:
            if self._closed:
                return
            last, same_host = self._numbers.get(key), self._resumed.pop(key, None)
            if last is not None and same_host is not None:
                if same_host and message.n == last:
                    return  # Told again on the new connection; nothing has happened meanwhile.
                message.lost = max(message.n - (last if same_host else 0) - 1, 0)
            self._numbers[key] = message.n
            self._make_room(message)
            self._queue.append(message)
            self._wake()

    def _make_room(self, message: Message) -> None:
        if self.latest:
            key = (message.sender, message.message)
            for waiting in self._queue:
                if (waiting.sender, waiting.message) == key:
                    message.lost += waiting.lost + 1
                    self._queue.remove(waiting)
                    return
        if len(self._queue) >= QUEUE_MAX:
            dropped = self._queue.popleft()
            key = (dropped.sender, dropped.message)
            for waiting in itertools.chain(self._queue, (message,)):
                if (waiting.sender, waiting.message) == key:
                    waiting.lost += dropped.lost + 1
                    return
            self.lost += dropped.lost + 1

    def next(self, timeout: Optional[float] = None) -> T:
        """Return the next one; wait for it.

        Raises `TimeoutError` after `timeout` seconds, `StopIteration` once it is closed.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._queue and not self._closed:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"{self.sender}:{self.message}: nothing came within {timeout:g} s")
                self._changed.wait(left)
            return self._take()

    def _take(self) -> T:
        if not self._queue:
            if self._error is not None:
                raise self._error
            raise StopIteration
        message = self._queue.popleft()
        self.lost += message.lost
        return self._convert(message)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self.next()

    def __enter__(self) -> Subscription[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            self._waiters.add((loop, event))
        try:
            while True:
                with self._changed:
                    if self._queue or self._closed:
                        try:
                            return self._take()
                        except StopIteration:
                            raise StopAsyncIteration from None
                    event.clear()
                await event.wait()
        finally:
            with self._changed:
                self._waiters.discard((loop, event))

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self._owner.forget(self._id)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<subscription to {self.sender}:{self.message}, {state}>"

    def _serve(self, handler: Callable[[T], object]) -> None:
        """Call a handler with all that comes, in a thread of its own."""
        failures = 0
        while True:
            try:
                item = self.next()
            except (StopIteration, BatonError):
                return
            try:
                handler(item)
                failures = 0
            except Exception:
                failures += 1
                print(f"baton: the handler of {self.sender}:{self.message} failed:", file=sys.stderr)
                traceback.print_exc()
                if failures >= _FAILURES_MAX:
                    print(f"baton: it has failed {failures} times in a row and is called no more", file=sys.stderr)
                    self.close()
