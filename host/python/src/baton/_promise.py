"""Something that is to come from the host: waited for by threads, or awaited."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Generic, Optional, TypeVar, cast

T = TypeVar("T")

# A waiter looks again this often, so that one that is interrupted while it passes the gate keeps nobody else outside.
_SLICE = 1.0


class Promise(Generic[T]):
    """One value or one error, set once, by any thread."""

    __slots__ = ("__weakref__", "_callbacks", "_done", "_error", "_gate", "_mutex", "_value")

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        # Held until there is an outcome: the fastest thing to wait for that Python has.
        self._gate = threading.Lock()
        self._gate.acquire()
        self._done = False
        self._value: Optional[T] = None
        self._error: Optional[BaseException] = None
        self._callbacks: list[Callable[[Any], object]] = []

    def settle(self, value: Optional[T] = None, error: Optional[BaseException] = None) -> bool:
        """Set the outcome, and tell whoever waits. `False` if there was one already."""
        with self._mutex:
            if self._done:
                return False
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
        self._gate.release()
        for callback in callbacks:
            callback(self)
        return True

    def is_settled(self) -> bool:
        """Whether there is an outcome."""
        return self._done

    def wait_settled(self, timeout: Optional[float] = None) -> bool:
        """Wait for the outcome, of whatever kind; `False` if it did not come in time."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._done:
            left = _SLICE if end is None else min(_SLICE, end - time.monotonic())
            if left <= 0:
                break
            if self._gate.acquire(timeout=left):
                self._gate.release()
        return self._done

    @property
    def error(self) -> Optional[BaseException]:
        """What went wrong, if anything has yet."""
        return self._error

    def outcome(self) -> T:
        """Return the value or raise the error; there has to be one."""
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def when_settled(self, callback: Callable[[Any], object]) -> None:
        """Have `callback` called with this when there is an outcome; at once if there is. It must not block."""
        with self._mutex:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    async def settled(self, timeout: Optional[float] = None) -> bool:
        """As `wait_settled`, without blocking the event loop."""
        if self._done:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake(_: object) -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:
                pass  # The loop is closed: nobody waits any more.

        self.when_settled(wake)
        await asyncio.wait([waiter], timeout=timeout)
        return self._done

    def __await__(self) -> Generator[Any, None, T]:
        yield from self.settled().__await__()
        return self.outcome()
