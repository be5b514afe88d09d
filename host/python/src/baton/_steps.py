"""Work in steps, the same for threads and for tasks: generators that yield what they wait for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Optional, TypeVar

from ._promise import Promise

T = TypeVar("T")
# What is waited for, and how long at most; whether it came is sent back.
Steps = Generator[tuple[Promise[Any], Optional[float]], bool, T]


def block(steps: Steps[T]) -> T:
    """Go through steps, blocking the thread."""
    try:
        promise, timeout = next(steps)
        while True:
            try:
                settled = promise.wait_settled(timeout)
            except BaseException as interruption:
                promise, timeout = steps.throw(interruption)
            else:
                promise, timeout = steps.send(settled)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        # Wherever we were interrupted, the steps end now, and not when the traceback is forgotten.
        steps.close()


async def follow(steps: Steps[T]) -> T:
    """Go through steps, awaiting what they wait for."""
    try:
        promise, timeout = next(steps)
        while True:
            try:
                settled = await promise.settled(timeout)
            except BaseException as interruption:
                promise, timeout = steps.throw(interruption)
            else:
                promise, timeout = steps.send(settled)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        steps.close()
