"""The locks of a session: who has entered what, and how `with a, b:` comes to mean both or neither.

To Python `with a, b:` is two context managers, the first entered before the second is evaluated. A grant is *fresh*
while its context (a thread, or a task) has sent nothing but `_lock` since. Whoever enters one thing more asks for it
without waiting. If it is not to be had, and all that the context has is fresh, that is given back, and all of it is
asked for in one request, with the full wait. So `with a, b:` never waits while it holds something, cannot be in a
cycle, and shows nothing but a wait: another owner may have had `a` in between, which nobody can notice, because
nothing was asked. Once something was asked in the outer block, the inner one makes the set grow (L2), and may be
refused as `WouldDeadlock`.

Every entry has a grant of its own on the wire, so leaving it ends exactly that. What is asked for as a union is taken
over by the single grants before it is given back.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional

from ._link import Link, Reply
from ._steps import Steps
from .errors import BatonError, ConnectionLost, IsBusy, LockLost, TimeoutError, WouldDeadlock

if TYPE_CHECKING:
    from ._session import Session

# Whoever waits is told for whom after so long.
HINT_AFTER = 2.0
# The host ends a wait by itself; so much later we do.
MARGIN = 10.0

_stack: ContextVar[tuple[Entry, ...]] = ContextVar("baton_locks", default=())


@dataclass(frozen=True)
class Terms:
    """On what terms a lock is asked for. Times are in seconds."""

    note: Optional[str] = None
    # How long to wait; `None` for as long as it takes.
    wait: Optional[float] = 60.0
    lease: Optional[float] = None
    keepalive: float = 15.0

    def data(self, targets: Sequence[str], wait: Optional[float]) -> dict[str, Any]:
        """What is sent with `_lock`."""
        queued = wait is None or wait > 0
        data = {"targets": list(targets), "keepalive": self.keepalive, "queue": queued, "wait": wait}
        data.update(note=self.note, lease=self.lease)
        return {key: value for key, value in data.items() if value is not None}


class Entry:
    """One lock that was entered and not left yet."""

    def __init__(self, key: object, targets: Sequence[str], terms: Terms, token: str) -> None:
        # The object whose `__enter__` this is.
        self.key = key
        self.targets = tuple(targets)
        self.terms = terms
        self.token = token
        # `asking`, `held`, `given` back for a union, or `left`.
        self.state = "asking"
        # The names that the host has for the targets.
        self.names: tuple[str, ...] = self.targets
        # Those that are ours no longer, and why.
        self.lost: dict[str, str] = {}
        self.fresh = True
        self.home = _here()
        self.link: Optional[Link] = None
        # Under way to have it back after a union was not to be had.
        self.restoring: Optional[Reply] = None

    def lose(self, why: str, names: Optional[Sequence[str]] = None) -> None:
        """Note that it is lost, whole or in part."""
        self.lost.update((name, why) for name in (self.names if names is None else names))


def _here() -> tuple[int, object]:
    """What runs now: a thread, and in it perhaps a task."""
    try:
        return threading.get_ident(), asyncio.current_task()
    except RuntimeError:
        return threading.get_ident(), None


class LockBook:
    """The entries of one session, by token."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entries: dict[str, Entry] = {}
        self._numbers = itertools.count(1)

    def entry(self, key: object, targets: Sequence[str], terms: Terms) -> Entry:
        """Make an entry; nothing is asked yet."""
        return Entry(key, targets, terms, self._token())

    def _token(self) -> str:
        return f"lock{next(self._numbers)}"

    def enter(self, entry: Entry, *, nested: bool = True) -> Steps[None]:
        """Lock what the entry is about. Whatever comes in between, nothing is left behind.

        With `nested`, what the context has entered before counts as described in the module, and this will for what
        comes after.
        """
        outer = [other for other in _stack.get() if self._is_here(other)] if nested else []
        for other in outer:
            if other.lost:
                raise LockLost(next(iter(other.lost.values())))
        # Known before it is asked for: the host may tell of its loss before we go on.
        self._entries[entry.token] = entry
        try:
            yield from self._acquire(entry, outer)
            if nested:
                _stack.set((*_stack.get(), entry))
        except BaseException:
            self.abort(entry)
            raise

    def _is_here(self, entry: Entry) -> bool:
        return entry.state != "left" and self._entries.get(entry.token) is entry

    def _acquire(self, entry: Entry, outer: Sequence[Entry]) -> Steps[None]:
        wait = entry.terms.wait
        if outer:
            try:
                yield from self._ask(entry, 0)
                return
            except (IsBusy, WouldDeadlock):
                if wait == 0:
                    raise
            here = _here()
            if all(other.fresh and other.home == here for other in outer):
                yield from self._trade(outer, entry)
                return
        yield from self._ask(entry, wait)

    def _ask(self, entry: Entry, wait: Optional[float]) -> Steps[None]:
        reply = self._send(entry, wait)
        if not (yield reply, HINT_AFTER):
            if reply.news:
                _say(f"waiting for {', '.join(entry.targets)}: {reply.news.get('text', 'it is not free')}")
            if not (yield reply, None if wait is None else max(wait - HINT_AFTER, 0) + MARGIN):
                raise TimeoutError(f"{', '.join(entry.targets)}: the host does not say whether it is free")
        self._take(entry, reply)

    def _send(self, entry: Entry, wait: Optional[float]) -> Reply:
        reply = Reply()
        entry.link = self._session.link()
        entry.link.send("_lock", entry.token, entry.terms.data(entry.targets, wait), reply)
        return reply

    def _take(self, entry: Entry, reply: Reply) -> None:
        granted = reply.outcome()
        entry.names = tuple(granted.get("targets") or entry.targets)
        entry.lost.clear()
        entry.state = "held"

    def _trade(self, outer: Sequence[Entry], entry: Entry) -> Steps[None]:
        """Give back what is fresh, and wait for all of it at once."""
        everything = (*outer, entry)
        targets = list(dict.fromkeys(name for one in everything for name in one.targets))
        note = next((one.terms.note for one in everything if one.terms.note), None)
        union = Entry(None, targets, replace(entry.terms, note=note, lease=None), self._token())
        try:
            for other in outer:
                other.state = "given"
                self._unlock(other)
            yield from self._ask(union, entry.terms.wait)
            # Ours by the union, so nobody can come between: each gets its own grant, then the union goes.
            replies = [self._send(one, 0) for one in everything]
            ended = self._unlock(union)
            for one, reply in zip(everything, replies):
                yield reply, None
                self._take(one, reply)
            if ended is not None:
                yield ended, MARGIN
        except BaseException:
            self._unlock(union)
            for other in outer:
                if other.state == "given":
                    self._restore(other)
            raise

    def _restore(self, entry: Entry) -> None:
        """Have a grant back that was given for a union in vain, if it is free. Waits for nothing."""
        names = ", ".join(entry.names)
        entry.lose(f"{names}: the lock was given back to wait for more, which was not to be had")

        def restored(reply: Reply) -> None:
            try:
                self._take(entry, reply)
            except BatonError as error:
                entry.lose(f"{names}: the lock was given back to wait for more, and then was lost: {error}")

        try:
            entry.restoring = self._send(entry, 0)
        except BatonError as error:
            entry.lose(f"{names}: the lock is lost: {error}")
        else:
            entry.restoring.when_settled(restored)

    def _unlock(self, entry: Entry) -> Optional[Reply]:
        """End a grant, or withdraw its request, without waiting for the host to say so."""
        reply = Reply()
        try:
            if entry.link is None or entry.link.has_ended:
                return None
            entry.link.send("_unlock", entry.token, {}, reply)
        except ConnectionLost:
            return None
        return reply

    def leave(self, entry: Entry) -> Steps[None]:
        """End an entry. Nothing if it was given back, or is over."""
        reply = self.abort(entry)
        if reply is not None:
            # From here on others can have it, and whoever asks is told so.
            yield reply, MARGIN

    def abort(self, entry: Entry) -> Optional[Reply]:
        """Forget an entry and withdraw what was asked for it, wherever it had got to."""
        if entry.state == "left":
            return None
        entry.state = "left"
        self._entries.pop(entry.token, None)
        _stack.set(tuple(other for other in _stack.get() if other is not entry))
        return self._unlock(entry)

    def find(self, key: object) -> Optional[Entry]:
        """The entry of `key` that was entered last: in this context, else anywhere."""
        for entries in (_stack.get(), tuple(self._entries.values())):
            for entry in reversed(entries):
                if entry.key is key and self._is_here(entry):
                    return entry
        return None

    def touch(self) -> None:
        """Something is asked: what this context has entered is fresh no longer."""
        for entry in _stack.get():
            if entry.fresh and self._is_here(entry):
                entry.fresh = False

    def check(self, device: str, parameter: Optional[str]) -> None:
        """Raise `LockLost` if a lock on this was lost whose block has not been left."""
        for entry in tuple(self._entries.values()):
            if entry.restoring is not None:
                entry.restoring.wait_settled(MARGIN)
            for name, why in tuple(entry.lost.items()):
                if self._covers(name, device, parameter):
                    raise LockLost(why)

    def _covers(self, name: str, device: str, parameter: Optional[str]) -> bool:
        of, _, own = name.partition(".")
        if of == device:
            return not own or parameter is None or own == parameter
        return device in self._session.node.members(of)

    def lose(self, token: str, data: Any) -> None:
        """The host has told of a lock that has ended."""
        entry = self._entries.get(token)
        if entry is not None and isinstance(data, dict):
            why = str(data.get("text") or "the lock is lost")
            entry.lose(why, data.get("targets"))
            _say(why)

    def lose_all(self, link: Link, why: str) -> None:
        """The connection is gone, and with it all locks."""
        entries = [entry for entry in tuple(self._entries.values()) if entry.link is link]
        held = [name for entry in entries if entry.state in ("held", "given") for name in entry.names]
        text = f"the connection to {link.address} was lost ({why}), and with it the lock on {', '.join(held)}"
        for entry in entries:
            entry.lose(text)
        if held:
            _say(text)

    def clear(self) -> None:
        """Forget everything: in a forked child it is the parent's, at the end nobody's."""
        for entry in self._entries.values():
            entry.state = "left"
        self._entries = {}


def _say(text: str) -> None:
    print(f"baton: {text}", file=sys.stderr, flush=True)
