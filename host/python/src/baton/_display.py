"""Tables, for terminals and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Optional

from . import _requests
from ._description import DeviceInfo, Node, ParameterInfo
from .errors import BatonError
from .reading import Reading, show


class Table:
    """Rows under a headline, in a box of HTML or aligned as text."""

    def __init__(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.title = title
        self.head = head
        self.rows = rows

    def text(self) -> str:
        """Columns with two blanks in between."""
        everything = [self.head, *self.rows]
        widths = [max(len(row[n]) for row in everything) for n in range(len(self.head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in everything]
        return "\n".join([self.title, *lines])

    def html(self) -> str:
        """A table for notebooks."""

        def cells(tag: str, row: Sequence[str]) -> str:
            return "".join(f'<{tag} style="text-align:left">{escape(cell)}</{tag}>' for cell in row)

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead><tr>{cells('th', self.head)}</tr></thead><tbody>{body}</tbody></table>"
        )


class Rows(list[dict[str, Any]]):
    """What the host has answered, as a list of records that is shown as a table."""

    def __init__(self, title: str, columns: Sequence[str], records: Sequence[dict[str, Any]]) -> None:
        super().__init__(records)
        self._title = title
        self._columns = columns

    def _table(self) -> Table:
        rows = [[_cell(record.get(column)) for column in self._columns] for record in self]
        return Table(self._title, [column.replace("_", " ").upper() for column in self._columns], rows)

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()


class Record(dict[str, Any]):
    """What the host has answered, as a record that is shown as a table; its keys are attributes, too."""

    def __init__(self, title: str, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        object.__setattr__(self, "_title", title)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def _table(self) -> Table:
        return Table(self._title, ["", ""], [[key, _cell(value)] for key, value in self.items()])

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return str(value.get("name") or ", ".join(f"{key} {_cell(item)}" for key, item in value.items() if item))
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return show(value)


def of_device(info: DeviceInfo, known: Mapping[str, Any]) -> Table:
    """A device with what is known of it."""
    rows = [_row(parameter, known) for parameter in info.parameters.values()]
    rows += [[f"{command.name}()", "", "", "", "call", command.doc] for command in info.commands.values()]
    state = known.get(f"{info.name}:status")
    locked = known.get(f"{info.name}:_locked_by")
    title = f"{info.name}: {info.kind}, {_requests.status(state) if isinstance(state, list) else 'unknown'}"
    if isinstance(locked, list) and locked[0]:
        title += f", locked by {locked[0]}"
    return Table(title, ["NAME", "VALUE", "TARGET", "LIMITS", "ACCESS", "DOC"], rows)


def _row(info: ParameterInfo, known: Mapping[str, Any]) -> list[str]:
    target = reading(info, known, info.write) if info.write and info.write != info.read else None
    return [
        info.name,
        _value(info, known),
        str(target) if target is not None and target.error is None else "",
        limits(known.get(f"{info.device}:{info.limits}"), info.unit),
        "rw" if info.write else "r",
        info.doc,
    ]


def _value(info: ParameterInfo, known: Mapping[str, Any]) -> str:
    found = reading(info, known, info.read)
    if found is None:
        return ""
    return str(found) if found.quality in ("good", "simulated", "error") else f"{found} ({found.quality})"


def reading(info: ParameterInfo, known: Mapping[str, Any], accessible: str) -> Optional[Reading]:
    """What is known of a parameter."""
    data = known.get(f"{info.device}:{accessible}")
    if isinstance(data, BatonError):
        return Reading(info.path, None, info.unit, error=data)
    return None if data is None else _requests.reading(info, data)


def limits(data: Any, unit: str) -> str:
    """Limits in words; those that are as far as numbers go are none."""
    if not isinstance(data, list):
        return ""
    lower, upper = (None if abs(bound) > 1e18 else bound for bound in data[0])
    if lower is None and upper is None:
        return ""
    if upper is None:
        return f"at least {show(lower)} {unit}".rstrip()
    if lower is None:
        return f"at most {show(upper)} {unit}".rstrip()
    return f"{show(lower)} to {show(upper)} {unit}".rstrip()


def of_lab(node: Node, address: str, known: Mapping[str, Any]) -> Table:
    """All devices."""
    rows = []
    for info in node.devices.values():
        state = known.get(f"{info.name}:status")
        main = info.parameters.get(info.main or "")
        locked = known.get(f"{info.name}:_locked_by")
        rows.append(
            [
                info.name,
                info.kind,
                str(_requests.status(state)) if isinstance(state, list) else "",
                _value(main, known) if main else "",
                str(locked[0]) if isinstance(locked, list) else "",
                info.doc,
            ]
        )
    return Table(f"{node.name} at {address}", ["DEVICE", "TYPE", "STATUS", "VALUE", "LOCKED BY", ""], rows)
