"""A session with a host: one owner, whatever connection carries it at the time.

What is on its way ends with its connection, and so do locks. The session itself goes on: it connects anew, and its
subscriptions come back by themselves.
"""

from __future__ import annotations

import getpass
import itertools
import os
import socket
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Optional

from . import _description, errors
from ._address import Address, access_token
from ._description import Node
from ._link import Link, Reply
from ._locks import LockBook
from ._subscriptions import Subscriptions
from .errors import BatonError, ConnectionLost, TimeoutError, Unreachable

# An idle connection is heard of this often; locks promise it (L8).
_PING_AFTER = 3.0
# So long after an unanswered ping nobody is there any more.
_DEAD_AFTER = 30.0
# How long a request waits for a connection that was lost.
_RECONNECT_WAIT = 5.0
_BACK_OFF = (0.05, 0.2, 0.5, 1.0, 2.0)

_all: weakref.WeakSet[Session] = weakref.WeakSet()


class Session:
    """See the module. `program` is what others see of it, `token` joins it to somebody else's session."""

    def __init__(self, address: Address, *, program: Optional[str] = None, token: Optional[str] = None) -> None:
        self.address = address
        self.program = program
        self._join = token
        self.owner: dict[str, Any] = {}
        # The secret by which others join this session.
        self.token = token or ""
        self.node = Node("", "", "")
        self.locks = LockBook(self)
        self.subscriptions = Subscriptions(self)
        self._tokens = itertools.count(1)
        self._collecting = threading.Lock()
        self._collected: Optional[dict[str, Any]] = None
        self._link: Optional[Link] = None
        self._changed = threading.Condition()
        self._closed: Optional[str] = None
        self._cause = ""
        self._connect()
        self._keeper = threading.Thread(target=self._keep, name=f"baton keeper {address}", daemon=True)
        self._keeper.start()
        _all.add(self)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed, nor left behind by a fork."""
        return self._closed is None

    def link(self, patience: float = _RECONNECT_WAIT) -> Link:
        """The connection; one that was lost is waited for so many seconds.

        Raises `ConnectionLost` if there is none.
        """
        link = self._link
        if link is not None and not link.has_ended:
            return link
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed is not None or self.is_connected, patience)
            if self._closed is not None:
                raise ConnectionLost(self._closed)
            if self._link is None:
                text = f"there is no connection to {self.address}: {self._cause}; it is tried again and again"
                raise ConnectionLost(text)
            return self._link

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None and not self._link.has_ended

    def send(self, action: str, specifier: str, data: Any = None) -> Reply:
        """Send a request of the user's, and return what is to come of it."""
        self.locks.touch()
        reply = Reply()
        self.link().send(action, specifier, data, reply)
        return reply

    def ask(self, action: str, data: Any = None) -> Reply:
        """Send a request of Baton's own, with a token."""
        return self.send(action, self.new_token(), {} if data is None else data)

    def new_token(self) -> str:
        """A token that was not used before."""
        return f"t{next(self._tokens)}"

    def _connect(self) -> None:
        link = Link(self.address, self._on_line, self._on_end)
        try:
            access = access_token()
            if access is not None:
                self._demand(link, "_authenticate", self.new_token(), {"token": access})
            node = _description.parse(self._demand(link, "describe", ".", None))
            if node.is_baton:
                self._introduce(link)
            elif self._join:
                raise Unreachable(f"what listens at {self.address} knows no sessions to join")
            with self._changed:
                self.node = node
                self._link = link
                self._changed.notify_all()
            self.subscriptions.renew(link)
        except BaseException:
            link.close("it could not be set up")
            raise

    def _introduce(self, link: Link) -> None:
        if self._join:
            self._demand(link, "_join", self.new_token(), {"token": self._join})
        claim = {
            "user": _user(),
            "host": socket.gethostname(),
            "program": self.program or program(),
            "pid": os.getpid(),
        }
        told = self._demand(link, "_introduce", self.new_token(), {**claim, "tokens": True})
        self.owner = told.get("owner", {})
        self.token = self._join or str(told.get("token", ""))

    @staticmethod
    def _demand(link: Link, action: str, specifier: str, data: Any) -> Any:
        reply = Reply()
        link.send(action, specifier, data, reply)
        if not reply.wait_settled(_DEAD_AFTER):
            raise Unreachable(f"{link.address} does not answer `{action}`")
        return reply.outcome()

    def known(self, device: str = "") -> dict[str, Any]:
        """What the host knows of a device, or of all, without asking any hardware: data by `device:accessible`."""
        # What only shows something does not wait for a connection.
        self.link(0)
        with self._collecting:
            found: dict[str, Any] = {}
            self._collected = found
            try:
                for action in ("activate", "deactivate"):
                    reply = self.send(action, device)
                    if not reply.wait_settled(_DEAD_AFTER):
                        raise TimeoutError(f"the host does not answer `{action}`")
                    reply.outcome()
            finally:
                self._collected = None
            return found

    def _on_line(self, action: str, specifier: str, data: Any) -> None:
        """A line that no request has asked for; from the thread that reads."""
        if action in ("update", "error_update"):
            if self._collected is not None:
                self._collected[specifier] = data if action == "update" else errors.from_report(data)
        elif action == "_lost":
            self.locks.lose(specifier, data)
        else:
            self.subscriptions.take(action, specifier, data)

    def _on_end(self, link: Link, why: str) -> None:
        self.locks.lose_all(link, why)
        with self._changed:
            if self._link is link:
                self._link = None
                self._cause = why
            self._changed.notify_all()

    def _keep(self) -> None:
        """Be heard while there is nothing to say, find out that nobody is there, and connect anew."""
        failures = 0
        asked: Optional[float] = None
        silent = 0
        while self._closed is None:
            link = self._link
            if link is None or link.has_ended:
                failures = self._reconnect(failures)
                asked = None
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._closed is not None or not self.is_connected, 1.0)
            self.subscriptions.tidy()
            now = time.monotonic()
            if asked is not None and link.heard >= asked:
                asked = None
            # Twice, as it may be us who was not there: suspended, or stopped in a debugger.
            silent = silent + 1 if asked is not None and now - asked > _DEAD_AFTER else 0
            if silent > 1:
                link.close(f"nothing was heard for {_DEAD_AFTER:g} s")
            elif now - link.sent >= _PING_AFTER:
                asked = now if asked is None else asked
                try:
                    link.send("ping", self.new_token(), None, Reply())
                except ConnectionLost:
                    pass

    def _reconnect(self, failures: int) -> int:
        with self._changed:
            if failures:
                pause = _BACK_OFF[min(failures, len(_BACK_OFF)) - 1]
                self._changed.wait_for(lambda: self._closed is not None, pause)
            if self._closed is not None:
                return failures
        try:
            self._connect()
        except BatonError as error:
            self._cause = str(error)
            return failures + 1
        return 0

    def close(self, why: str = "it was closed by this program") -> None:
        """End the session, and with it its locks and subscriptions."""
        with self._changed:
            if self._closed is not None:
                return
            self._closed = f"the session with {self.address} is over: {why}"
            link, self._link = self._link, None
            self._changed.notify_all()
        # Before the connection ends: who leaves on purpose loses no lock.
        self.locks.clear()
        self.subscriptions.close()
        if link is not None:
            link.close(why)

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's."""
        self._closed = "this process was forked from the one that connected; call baton.connect() here"
        self._changed = threading.Condition()
        self._collecting = threading.Lock()
        link, self._link = self._link, None
        self.locks.clear()
        self.subscriptions.abandon()
        if link is not None:
            link.abandon()


def _user() -> Optional[str]:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def program() -> str:
    """What others see of this program: the notebook, the script, or the interpreter."""
    notebook = os.environ.get("JPY_SESSION_NAME") or ""
    name = notebook or (sys.argv[0] if sys.argv else "")
    name = Path(name).name
    if "ipykernel" in sys.modules and not notebook:
        return "notebook"
    return name if name not in ("", "-c", "-m", "__main__.py") else "python"


def _forked() -> None:
    for session in tuple(_all):
        session.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
