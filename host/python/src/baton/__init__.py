"""A lab device host, from Python.

>>> import baton
>>> lab = baton.connect()                                                           # doctest: +SKIP
>>> stage, pump = lab.stage, lab.pump
>>> stage.position = "2 mm"                       # waits until arrived; Ctrl-C stops the motor
>>> future = stage.set("position", 3)             # returns at once
>>> print(future.result())
3.000 mm
>>> with stage, pump["flow"]:                     # one atomic lock, both or neither
...     stage.position = 2
...     pump.flow = "1 ml/min"
>>> with lab.lock(stage, pump["flow"], note="tomo run 12", wait=30):
...     stage.position = 3

`baton.aio` is the same for asyncio, and `baton.testing` starts a host for tests.
"""

from __future__ import annotations

from . import aio, errors, testing
from ._calls import Call
from ._connecting import connect
from ._datatypes import Choice
from .device import Command, Device
from .errors import (
    BadJSON,
    BatonError,
    Cancelled,
    CommandRunning,
    CommunicationFailed,
    ConnectionLost,
    Disabled,
    HardwareError,
    Impossible,
    InternalError,
    IsBusy,
    IsError,
    Locked,
    LockLost,
    NoSuchCommand,
    NoSuchModule,
    NoSuchParameter,
    NotSupported,
    OutOfRange,
    Protected,
    ProtocolError,
    RangeError,
    ReadFailed,
    ReadOnly,
    StillRunning,
    Stopped,
    Superseded,
    TimeoutError,
    Unreachable,
    WouldDeadlock,
    WrongType,
)
from .lab import Lab
from .locking import Lock
from .messages import Message, Subscription
from .parameter import Limits, Parameter
from .reading import Reading, Status

__version__ = "0.1.0"

__all__ = [
    "BadJSON",
    "BatonError",
    "Call",
    "Cancelled",
    "Choice",
    "Command",
    "CommandRunning",
    "CommunicationFailed",
    "ConnectionLost",
    "Device",
    "Disabled",
    "HardwareError",
    "Impossible",
    "InternalError",
    "IsBusy",
    "IsError",
    "Lab",
    "Limits",
    "Lock",
    "LockLost",
    "Locked",
    "Message",
    "NoSuchCommand",
    "NoSuchModule",
    "NoSuchParameter",
    "NotSupported",
    "OutOfRange",
    "Parameter",
    "Protected",
    "ProtocolError",
    "RangeError",
    "ReadFailed",
    "ReadOnly",
    "Reading",
    "Status",
    "StillRunning",
    "Stopped",
    "Subscription",
    "Superseded",
    "TimeoutError",
    "Unreachable",
    "WouldDeadlock",
    "WrongType",
    "aio",
    "connect",
    "errors",
    "testing",
]
