"""Locks, as `with` sees them."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._locks import Entry, Terms
from ._steps import block, follow
from .errors import LockLost

if TYPE_CHECKING:
    from ._session import Session

__all__ = ["Lock", "Lockable"]


class Lockable:
    """Something that can be locked by `with`, and by `async with`. It may be entered again inside."""

    _session: Session

    def _targets(self) -> Sequence[str]:
        raise NotImplementedError

    def _terms(self) -> Terms:
        return Terms()

    def _enter(self) -> None:
        book = self._session.locks
        entry = book.entry(self, self._targets(), self._terms())
        try:
            block(book.enter(entry))
        except BaseException:
            book.abort(entry)
            raise

    def _exit(self) -> None:
        book = self._session.locks
        entry = book.find(self)
        if entry is not None:
            block(book.leave(entry))

    async def _aenter(self) -> None:
        book = self._session.locks
        entry = book.entry(self, self._targets(), self._terms())
        try:
            await follow(book.enter(entry))
        except BaseException:
            book.abort(entry)
            raise

    async def _aexit(self) -> None:
        book = self._session.locks
        entry = book.find(self)
        if entry is not None:
            await follow(book.leave(entry))


class Lock(Lockable):
    """A lock on a set of devices and parameters, whole or not at all: what `lab.lock(...)` returns.

    >>> with lab.lock(lab.stage, lab.pump["flow"], note="tomo run 12"):
    ...     lab.stage.position = 2

    In a notebook it may have to outlive a cell; then `acquire()` and `release()` do what `with` does.

    >>> held = lab.lock(lab.stage).acquire()
    >>> held
    <lock on stage: held>
    >>> held.release()
    """

    def __init__(self, session: Session, targets: Sequence[str], terms: Terms) -> None:
        self._session = session
        self._names = tuple(targets)
        self._on = terms
        self._acquired: Optional[Entry] = None

    def _targets(self) -> Sequence[str]:
        return self._names

    def _terms(self) -> Terms:
        return self._on

    def __enter__(self) -> Lock:
        self._enter()
        return self

    def __exit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        self._exit()

    async def __aenter__(self) -> Lock:
        await self._aenter()
        return self

    async def __aexit__(self, kind: object, error: object, where: Optional[TracebackType]) -> None:
        await self._aexit()

    def acquire(self) -> Lock:
        """Lock until `release()`. Does nothing if that has been done, so that a cell can run again."""
        if self._acquired is not None and self._acquired.state == "held":
            if not self._acquired.lost:
                return self
            self.release()
        book = self._session.locks
        entry = book.entry(self, self._names, self._on)
        try:
            block(book.enter(entry, nested=False))
            self._acquired = entry
        except BaseException:
            book.abort(entry)
            raise
        return self

    def release(self) -> None:
        """Give it back. Does nothing if it is not held."""
        entry, self._acquired = self._acquired, None
        if entry is not None:
            block(self._session.locks.leave(entry))

    @property
    def is_held(self) -> bool:
        """Whether all of it is ours now."""
        entry = self._session.locks.find(self)
        return entry is not None and entry.state == "held" and not entry.lost

    def check(self) -> None:
        """Raise `LockLost` if it was entered and is ours no longer: for long work in between that asks nothing."""
        entry = self._session.locks.find(self)
        if entry is not None and entry.lost:
            raise LockLost(next(iter(entry.lost.values())))

    def __repr__(self) -> str:
        return f"<lock on {', '.join(self._names)}: {'held' if self.is_held else 'not held'}>"
