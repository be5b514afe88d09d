"""frappy's client, as a Python user has it, with what it hears written down."""

import threading
from types import TracebackType
from typing import Any

from frappy.client import CacheItem, SecopClient
from frappy.errors import SECoPError

from processes import DEADLINE, CheckError

IDLE, WARN, BUSY, ERROR = 100, 200, 300, 400


class Node:
    """A connected client of one SECoP node."""

    def __init__(self, uri: str) -> None:
        self.client = SecopClient(uri, log=None)
        self.unhandled: list[tuple[str, str, Any]] = []
        self.mistakes: list[Exception] = []
        self._heard: list[tuple[str, str, CacheItem]] = []
        self._changed = threading.Condition()
        self.client.register_callback(
            None, updateItem=self._hear, unhandledMessage=self._wonder, handleError=self.mistakes.append
        )

    def __enter__(self) -> "Node":
        self.client.connect(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()

    def _hear(self, module: str, parameter: str, item: CacheItem) -> None:
        with self._changed:
            self._heard.append((module, parameter, item))
            self._changed.notify_all()

    def _wonder(self, action: str, specifier: str, data: Any) -> bool:
        self.unhandled.append((action, specifier, data))
        return True

    def read(self, module: str, parameter: str = "value") -> Any:
        """Read a parameter anew; an error reading is raised."""
        value, _, error = self.client.readParameter(module, parameter)
        if error:
            raise error
        return value

    def mark(self) -> int:
        """Return the place in what was heard where the next update will be."""
        with self._changed:
            return len(self._heard)

    def heard(self, module: str, parameter: str, since: int = 0) -> list[Any]:
        """Return the values heard of a parameter from a mark on."""
        with self._changed:
            return [item.value for m, p, item in self._heard[since:] if (m, p) == (module, parameter)]

    def states(self, module: str, since: int = 0) -> list[int]:
        """Return the hundreds of the status codes heard from a mark on, each once in a row."""
        states: list[int] = []
        for status in self.heard(module, "status", since):
            state = int(status[0]) // 100 * 100
            if states[-1:] != [state]:
                states.append(state)
        return states

    def wait_for(self, module: str, what: str, test: Any, since: int = 0, timeout: float = DEADLINE) -> None:
        """Wait until `test()` holds after some update."""
        with self._changed:
            if not self._changed.wait_for(test, timeout):
                last = {p: item.formatted() for m, p, item in self._heard[since:] if m == module}
                raise CheckError(f"{module}: {what}: not within {timeout:g} s; last heard: {last}")

    def rest(self, module: str, since: int = 0) -> list[int]:
        """Wait until the module has been busy and is not any more; return its states since then."""

        def rested() -> bool:
            states = self.states(module, since)
            return BUSY in states and states[-1] != BUSY

        self.wait_for(module, "busy, then not", rested, since)
        return self.states(module, since)

    def drive(self, module: str, target: Any) -> list[int]:
        """Set a target, wait until the module has arrived, and return the states on the way."""
        since = self.mark()
        self.client.setParameter(module, "target", target)
        return self.rest(module, since)

    def refusal(self, module: str, parameter: str, value: Any) -> SECoPError:
        """Return the error with which a write is refused."""
        try:
            self.client.setParameter(module, parameter, value)
        except SECoPError as error:
            return error
        raise CheckError(f"{module}:{parameter} took {value!r}")
