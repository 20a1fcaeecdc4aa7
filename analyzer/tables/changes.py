"""Changes: what something between two points of capture made of a connection.

Knows the Talk of each point. Must not know times (tables.paths does). Used by tables.paths.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.lazy_dataclass import dataclass
from analyzer.tables.schema import CHANGE_KINDS
from analyzer.tables.secrets import hide, is_secret_name
from analyzer.tables.talks import Talk

_OWN = frozenset({"sec-websocket-key", "sec-websocket-accept"})
"""Fields with a row of their own kind: a key says that the hop made its own handshake."""
_LONGEST = 200
"""Characters of a value that are shown."""
_HIDDEN = "..."


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs.

    Attributes:
        connection_a, connection_b: in the first capture and in the second.
        what: one of CHANGE_KINDS; name: of the field, or whose it is.
        near, far: at the point on the client's side, and at the other one; "" if absent.
    """

    connection_a: int
    connection_b: int
    what: str
    name: str
    near: str
    far: str

    def cells(self) -> tuple[object, ...]:
        """Return the row of the table `changes`."""
        kind = CHANGE_KINDS.index(self.what)
        shown = (self.near or None, self.far or None)
        return self.connection_a, self.connection_b, kind, self.name, *shown


def changes(near: Talk, far: Talk, *, swapped: bool = False) -> Iterator[Change]:
    """Yield what differs between the two points; `swapped`: `far` is of the first capture."""
    first, second = (far, near) if swapped else (near, far)

    def change(what: str, name: str, before: object, behind: object) -> Change:
        texts = (str(before)[:_LONGEST], str(behind)[:_LONGEST])
        return Change(first.connection, second.connection, what, name, *texts)

    for side in ("client", "server"):
        ends = [
            f"{getattr(each.ends, f'{side}_ip')}:{getattr(each.ends, f'{side}_port')}"
            for each in (near, far)
        ]
        if ends[0] != ends[1]:
            yield change("address", side, *ends)
    if near.key and far.key and near.key != far.key:
        yield change("key", "Sec-WebSocket-Key", near.key, far.key)
    for what in ("request", "response"):
        one, other = getattr(near, what), getattr(far, what)
        if one and other:
            for name in sorted((one.keys() | other.keys()) - _OWN):
                if one.get(name) != other.get(name):
                    shown = (_shown(name, each.get(name)) for each in (one, other))
                    yield change(what, name, *shown)
    if None not in (near.extensions, far.extensions) and near.extensions != far.extensions:
        yield change("compression", "extensions", near.extensions, far.extensions)
    for side, sizes in zip(("client", "server"), zip(near.mss, far.mss, strict=True), strict=True):
        if 0 not in sizes and sizes[0] != sizes[1]:
            yield change("mss", side, *sizes)


def _shown(name: str, value: str | None) -> str:
    """Return a field's value as it may be shown: secrets are not."""
    if value is None:
        return ""
    return _HIDDEN if is_secret_name(name) else hide(value)
