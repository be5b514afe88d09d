"""One connection to a host: lines out, lines in, and which of these answers which.

A thread reads. A reply finds its request by action and specifier; those of one pair come in the order in which they
were asked (SECoP), and what Baton adds carries a token of its own.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any, Optional

from . import errors
from ._address import Address
from ._promise import Promise

# What a request is called whose reply is called so.
_REQUESTS = {
    "reply": "read",
    "changed": "change",
    "done": "do",
    "pong": "ping",
    "describing": "describe",
    "active": "activate",
    "inactive": "deactivate",
    "logging": "logging",
    "_resolved": "_wait",
    "_reached": "_wait_for",
    "_cancelled": "_cancel",
    "_stopped": "_stop_all",
    "_status_is": "_status",
    "_device_is": "_device",
    "_drivers_are": "_drivers",
    "_authenticated": "_authenticate",
    "_joined": "_join",
    "_introduced": "_introduce",
    "_locked": "_lock",
    "_unlocked": "_unlock",
    "_holders": "_who",
    "_broken": "_break",
    "_zero": "_set_zero",
    "_reopened": "_reopen",
    "_protected": "_protect",
    "_unprotected": "_unprotect",
    "_subscribed": "_subscribe",
    "_unsubscribed": "_unsubscribe",
    "_sent": "_send",
    "_history_is": "_history",
}
# What comes before the reply of such a request.
_NEWS = {"_queued": "_lock", "_waiting": "_wait_for"}

_IDENT_TIMEOUT = 5.0
# The greatest line that makes sense; a frame of a camera as base64 fits.
_LINE_BYTES_MAX = 256 << 20

# Sent as JSON's null, where no data at all would mean something else.
NULL = object()

_call = methodcaller("__call__")


class Reply(Promise[Any]):
    """The answer to one request."""

    __slots__ = ("news", "on_news")

    def __init__(self, on_news: Optional[Callable[[Any], object]] = None) -> None:
        super().__init__()
        self.on_news = on_news
        # What came last before the answer.
        self.news: Any = None


class Link:
    """See the module. `on_line` gets what no request has asked for, `on_end` the reason when it is over, both from the
    thread that reads.
    """

    def __init__(
        self,
        address: Address,
        on_line: Callable[[str, str, Any], object],
        on_end: Callable[[Link, str], object],
    ) -> None:
        self.address = address
        self._socket = address.open()
        self._on_line = on_line
        self._on_end = on_end
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str], deque[Reply]] = {}
        self._ended: Optional[str] = None
        self._why: Optional[str] = None
        self.heard = self.sent = time.monotonic()
        self.ident = self._shake_hands()
        self._thread = threading.Thread(target=self._read, name=f"baton {address}", daemon=True)
        self._thread.start()

    def _shake_hands(self) -> str:
        try:
            self._socket.settimeout(_IDENT_TIMEOUT)
            self._socket.sendall(b"*IDN?\n")
            got = b""
            while not got.endswith(b"\n") and len(got) < 1000:
                # No line may follow the ident, as nothing was asked for yet.
                more = self._socket.recv(1000)
                if not more:
                    break
                got += more
            self._socket.settimeout(None)
        except OSError as error:
            self._socket.close()
            text = f"what listens at {self.address} does not answer as a host does: {error}"
            raise errors.Unreachable(text) from None
        except BaseException:
            self._socket.close()
            raise
        ident = got.decode(errors="replace").strip()
        words = ident.split(",")
        if len(words) < 2 or "ISSE" not in words[0] or words[1] != "SECoP":
            self._socket.close()
            text = f"what listens at {self.address} is no host: it says {ident[:60]!r}"
            raise errors.Unreachable(text)
        return ident

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._ended is not None

    def send(self, action: str, specifier: str, data: Any, reply: Reply) -> None:
        """Send a request; `reply` gets what comes of it.

        Raises `ConnectionLost` if the connection is over.
        """
        line = " ".join(filter(None, (action, specifier)))
        if data is not None:
            content = "null" if data is NULL else json.dumps(data, allow_nan=False)
            line = f"{line if specifier else line + ' '} {content}"
        with self._lock:
            if self._ended is None:
                key = (action, "" if action == "describe" else specifier)
                pending = self._pending.get(key)
                if pending is None:
                    pending = self._pending[key] = deque()
                self._put(line.encode() + b"\n", pending, reply)
                self.sent = time.monotonic()
                return
        raise errors.ConnectionLost(self._ended)

    def _put(self, line: bytes, pending: deque[Reply], reply: Reply) -> None:
        """Write a line and expect its reply, both or neither: Ctrl-C can come at any point."""
        # One call into C, so that it comes before both or after both. `sendall` would look for it when all is sent.
        steps = (partial(pending.append, reply), partial(self._socket.send, line))
        done: list[Any] = []
        try:
            done.extend(map(_call, steps))
            if done[1] < len(line):
                self._socket.sendall(line[done[1] :])
        except OSError as error:
            self._close(error.strerror or str(error))
        except BaseException:
            if len(done) == 1:
                # Nothing is sent, and nobody else has come behind it.
                pending.remove(reply)
            elif len(done) == 2 and done[1] < len(line):
                self._close("interrupted in the middle of a long request")
            raise

    def _close(self, why: str) -> None:
        """Have the reader end, which tells everybody."""
        self._why = self._why or why
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self, why: str) -> None:
        """End it."""
        self._close(why)
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def abandon(self) -> None:
        """Let go of it in a forked child: it stays the parent's."""
        self._ended = "this process was forked; it has to call baton.connect() itself"
        self._lock = threading.Lock()
        self._pending = {}
        # Now, and not when the reader's file is forgotten: while anybody has it open, the host hears of no end.
        os.close(self._socket.detach())

    def _read(self) -> None:
        why = "the host has closed it"
        try:
            with self._socket.makefile("rb", 1 << 16) as lines:
                while True:
                    line = lines.readline(_LINE_BYTES_MAX)
                    if not line.endswith(b"\n"):
                        break
                    self.heard = time.monotonic()
                    self._take(line)
        except OSError as error:
            why = error.strerror or str(error)
        except Exception as error:  # Whoever waits has to be told, whatever it was.
            why = f"it sent what cannot be read: {error!r}"
        self._end(self._why or why)

    def _end(self, why: str) -> None:
        with self._lock:
            self._ended = f"the connection to {self.address} is lost: {why}"
            pending, self._pending = self._pending, {}
            self._socket.close()
        # Before anybody who waits is told: they look at what is left.
        self._on_end(self, why)
        for replies in pending.values():
            for reply in replies:
                reply.settle(error=errors.ConnectionLost(self._ended))

    def _take(self, line: bytes) -> None:
        head, _, data = line.partition(b" ")
        key, _, data = data.partition(b" ")
        action, specifier = head.decode().rstrip(), key.decode().rstrip()
        content = json.loads(data) if data.strip() else None
        request = _REQUESTS.get(action)
        if request is not None:
            reply = self._pop(request, specifier)
            if reply is not None:
                reply.settle(content)
                return
        elif action in _NEWS:
            reply = self._peek(_NEWS[action], specifier)
            if reply is not None:
                reply.news = content
                if reply.on_news is not None:
                    reply.on_news(content)
                return
        elif action.startswith("error_") and action != "error_update":
            reply = self._pop(action[len("error_") :], specifier)
            if reply is not None:
                reply.settle(error=errors.from_report(content))
                return
            if not specifier and action == "error_":
                self._why = str(content[1]) if isinstance(content, list) and len(content) > 1 else str(content)
        self._on_line(action, specifier, content)

    def _pop(self, request: str, specifier: str) -> Optional[Reply]:
        with self._lock:
            key = (request, "" if request == "describe" else specifier)
            replies = self._pending.get(key)
            if not replies:
                return None
            reply = replies.popleft()
            if not replies:
                del self._pending[key]
            return reply

    def _peek(self, request: str, specifier: str) -> Optional[Reply]:
        with self._lock:
            replies = self._pending.get((request, specifier))
            return replies[0] if replies else None
