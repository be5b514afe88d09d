"""Connecting: one session for each host, however often a cell of a notebook runs."""

from __future__ import annotations

import os
import threading
from typing import Optional

from . import _address
from ._session import Session
from .lab import Lab

_labs: dict[str, Lab] = {}
_lock = threading.Lock()


def connect(address: Optional[str] = None) -> Lab:
    """Connect to a host: `address`, else `BATON_HOST`, else the local Unix socket, else 127.0.0.1:10767.

    An address is `host:port`, or `unix:/path` of a socket; the local socket is `baton.sock` in `XDG_RUNTIME_DIR` or in
    `/run/baton`. To connect to the same host again gives the same lab, so that a cell of a notebook can run again.
    Under `baton lock ... -- python`, or with another program's `lab.membership` in `BATON_OWNER`, this acts as that
    owner.

    >>> lab = baton.connect("127.0.0.1:10767")                                      # doctest: +SKIP
    >>> lab is baton.connect("127.0.0.1:10767")                                     # doctest: +SKIP
    True

    Raises `Unreachable` if no host answers.
    """
    where, token = find(address)
    with _lock:
        known = _labs.get(str(where))
        if known is None or not known.is_open:
            known = _labs[str(where)] = Lab(Session(where, token=token))
        return known


def find(address: Optional[str]) -> tuple[_address.Address, Optional[str]]:
    """The address that is meant, and the token of the session that is to be joined there."""
    member = _address.membership()
    if address is not None:
        where = _address.Address.parse(address)
    else:
        where = member[1] if member is not None and not os.environ.get("BATON_HOST") else _address.default()
    return where, member[0] if member is not None and member[1] == where else None


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _labs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
