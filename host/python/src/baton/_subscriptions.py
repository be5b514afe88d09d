"""What a session follows: one subscription at the host for each one here.

Each has a queue of its own, bounded at the host and here: whoever is slow loses the oldest, is told how many, and holds
nobody else up. What was lost with a connection is counted, too.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from ._link import Link, Reply
from .errors import BatonError, ConnectionLost, TimeoutError
from .messages import Message, Subscription

if TYPE_CHECKING:
    from ._session import Session

T = TypeVar("T")

_REPLY_WAIT = 30.0


class Subscriptions:
    """All of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        # Whoever forgets a subscription has ended it.
        self._all: weakref.WeakValueDictionary[int, Subscription[Any]] = weakref.WeakValueDictionary()
        # Those that were forgotten, by the ids that the host has for them.
        self._forgotten: deque[int] = deque()
        # Which handler serves which, so that a cell that runs again does not subscribe twice.
        self._handlers: dict[Any, Subscription[Any]] = {}
        # The host that the numbers of messages come from.
        self._host: Any = None

    def add(self, subscription: Subscription[T]) -> Subscription[T]:
        """Subscribe at the host. What is so comes first.

        Raises what the host says against it.
        """
        link = self._session.link()
        try:
            if self._host is None:
                self._host = self._which_host(link)
            reply = self.begin(link, subscription)
            if not reply.wait_settled(_REPLY_WAIT):
                raise TimeoutError(f"the host does not answer `_subscribe` to {subscription.sender}")
            reply.outcome()
        except BaseException:
            self.remove(subscription)
            raise
        return subscription

    def begin(self, link: Link, subscription: Subscription[Any]) -> Reply:
        """As `add`, without waiting for what the host says."""
        with self._lock:
            self._all[id(subscription)] = subscription
        return self._ask(link, subscription)

    def serve(self, subscription: Subscription[T], handler: Callable[[T], object]) -> Subscription[T]:
        """Subscribe a handler; the same one to the same thing replaces itself."""
        key = (subscription.sender.lower(), subscription.message.lower(), _identity(handler))
        before = self._handlers.pop(key, None)
        if before is not None:
            before.close()
        self.add(subscription)
        self._handlers[key] = subscription
        name = f"baton {subscription.sender}:{subscription.message}"
        threading.Thread(target=subscription._serve, args=(handler,), name=name, daemon=True).start()
        return subscription

    def _ask(self, link: Link, subscription: Subscription[Any]) -> Reply:
        data = {
            "sender": subscription.sender,
            "message": subscription.message,
            "policy": "latest" if subscription.latest else "drop_oldest",
        }
        if subscription._since is not None:
            data["since"] = subscription._since  # type: ignore[assignment]
        reply = Reply()

        def subscribed(reply: Reply) -> None:
            try:
                subscription._id = reply.outcome().get("id")
            except BatonError:
                pass  # Whoever waits is told.

        reply.when_settled(subscribed)
        link.send("_subscribe", self._session.new_token(), data, reply)
        return reply

    def _which_host(self, link: Link) -> Any:
        reply = Reply()
        link.send("_status", self._session.new_token(), {}, reply)
        if not reply.wait_settled(_REPLY_WAIT):
            raise TimeoutError("the host does not answer `_status`")
        status = reply.outcome()
        return status.get("pid"), status.get("since")

    def renew(self, link: Link) -> None:
        """Subscribe anew, on a new connection."""
        with self._lock:
            everything = list(self._all.values())
        if not everything:
            return
        self._forgotten.clear()
        host = self._which_host(link)
        same, self._host = host == self._host, host
        for subscription in everything:
            subscription._resume(same)
            subscription._since = None
            self._ask(link, subscription)

    def take(self, action: str, specifier: str, data: Any) -> None:
        """A line that came by itself."""
        if action != "_message" or not isinstance(data, list) or len(data) < 2:
            return
        sender, _, message = specifier.rpartition(":")
        payload, about = data[0], data[1]
        number = about.get("id")
        with self._lock:
            everything = list(self._all.values())
        for subscription in everything:
            if subscription._id == number if number is not None else subscription._wants(sender, message):
                t, n, lost = about.get("t", 0.0), about.get("n", 0), about.get("lost", 0)
                subscription._put(Message(sender, message, payload, t, n, lost))

    def remove(self, subscription: Subscription[Any]) -> bool:
        """End one; `False` if it has ended."""
        with self._lock:
            if self._all.pop(id(subscription), None) is None:
                return False
        self._handlers = {key: known for key, known in self._handlers.items() if known is not subscription}
        self.forget(subscription._id)
        self.tidy()
        return True

    def forget(self, number: Optional[int]) -> None:
        """Nobody has the subscription of that id any more; may come from anywhere."""
        if number is not None:
            self._forgotten.append(number)

    def tidy(self) -> None:
        """Tell the host what was forgotten."""
        link = self._session._link
        while self._forgotten and link is not None:
            try:
                link.send("_unsubscribe", self._session.new_token(), {"id": self._forgotten.popleft()}, Reply())
            except (ConnectionLost, IndexError):
                return

    def close(self) -> None:
        """End all: the session is over."""
        with self._lock:
            everything = list(self._all.values())
            self._all.clear()
        for subscription in everything:
            subscription._end(None)

    def abandon(self) -> None:
        """In a forked child they are the parent's."""
        self._lock = threading.Lock()
        everything = list(self._all.values())
        self._all.clear()
        self._handlers = {}
        for subscription in everything:
            subscription._changed = threading.Condition()
            subscription._end(ConnectionLost("this process was forked; subscribe after baton.connect()"))


def _identity(handler: Any) -> Any:
    """What makes two handlers the same: of a notebook's functions their names, as each run of a cell makes new ones."""
    code = getattr(handler, "__code__", None)
    if code is not None and handler.__module__ == "__main__" and "<locals>" not in handler.__qualname__:
        if handler.__name__ == "<lambda>":
            return code.co_filename, code.co_firstlineno, code.co_code
        return handler.__qualname__
    receiver = getattr(handler, "__self__", None)
    if receiver is not None and hasattr(handler, "__func__"):
        return id(receiver), handler.__func__
    return handler
