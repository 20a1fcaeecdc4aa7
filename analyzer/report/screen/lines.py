"""Connections as the screen lists them: counters, rates, and how each ended.

Knows rows of `connections`, counts of messages, and time. Memory is bounded by
max_screen_connections and max_screen_ended. Part of report.screen.model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.report.rates import RATE_S
from analyzer.report.screen.harmless import harmless
from analyzer.report.terminal import code_name
from analyzer.report.wording import address

NS: Final = 1_000_000_000
_SLOTS: Final = RATE_S + 1
"""Seconds of a line's counts: those that a rate goes over, and the one that is not over."""
MAX_TARGET: Final = 2048
"""Characters of host, path and the like that are kept of a connection."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended, in the terms of `connections`."""

    at: int | None
    kind: str
    code: int | None
    reason: str | None
    by: str | None
    duration: int | None
    wire_bytes: int
    client_logs: int | None
    server_logs: int | None


@dataclass(slots=True)
class Line:
    """One connection; pairs are by direction: client, server."""

    number: int
    tcp_stream: int
    scheme: str
    host: str
    path: str
    client: str
    client_ip: str
    server: str
    subprotocol: str
    extensions: str
    opened_at: int | None
    messages: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    last: int = 0
    """ns: when it had its last message."""
    inner: str = ""
    handshake: int | None = None
    pings: int = 0
    round_trip: int | None = None
    findings: int = 0
    end: End | None = None
    _second: int = 0
    _counts: list[int] = field(default_factory=lambda: [0] * (2 * _SLOTS))

    @property
    def target(self) -> str:
        """Host and path, harmless."""
        return f"{self.host}{self.path}"

    @property
    def state(self) -> str:
        """One word or two on how it ended: the close code, else what ended it."""
        if self.end is None:
            return "open"
        return str(self.end.code) if self.end.code is not None else self.end.kind

    def count(self, second: int, side: int, messages: int) -> None:
        """Count messages of a second; seconds only go on."""
        self._forget(second)
        self._counts[2 * (second % _SLOTS) + side] += messages

    def rate(self, second: int, side: int, span: int) -> float:
        """Messages per second over the `span` whole seconds before `second`."""
        self._forget(second)
        span = min(span, RATE_S)
        places = ((second - back) % _SLOTS for back in range(1, span + 1))
        return sum(self._counts[2 * place + side] for place in places) / max(1, span)

    def _forget(self, second: int) -> None:
        """Empty the places of seconds that came since, also where the clock was set back."""
        passed = second - self._second
        if passed == 0:
            return
        if not 0 < passed < _SLOTS:
            self._counts = [0] * (2 * _SLOTS)
        else:
            for at in range(self._second + 1, second + 1):
                place = 2 * (at % _SLOTS)
                self._counts[place] = self._counts[place + 1] = 0
        self._second = second

    def columns(self) -> dict[str, str]:
        """What `/` looks in, by the names that may stand before a colon."""
        end = self.end
        code = "" if end is None or end.code is None else code_name(end.code)
        return {
            "number": str(self.number),
            "host": self.host,
            "path": self.path,
            "client": self.client,
            "server": self.server,
            "inner": self.inner,
            "subprotocol": self.subprotocol,
            "scheme": self.scheme,
            "state": "open" if end is None else f"ended {end.kind}",
            "code": code,
            "reason": "" if end is None else end.reason or "",
        }


COLUMNS: Final = frozenset(
    {
        *("number", "host", "path", "client", "server", "inner", "subprotocol", "scheme"),
        *("state", "code", "reason"),
    }
)


def line_of(row: dict[str, Any]) -> Line:
    """Return the line of a row of `connections`."""
    server = address(row["server_ip"], row["server_port"])
    return Line(
        number=row["connection"],
        tcp_stream=row["tcp_stream"],
        scheme=row["scheme"] or "",
        host=harmless(row["host"] or server, MAX_TARGET),
        path=harmless(row["path"] or "", MAX_TARGET),
        client=address(row["client_ip"], row["client_port"]),
        client_ip=row["client_ip"] or "?",
        server=server,
        subprotocol=harmless(row["subprotocol"] or "", MAX_TARGET),
        extensions=harmless(row["extensions"] or "", MAX_TARGET),
        opened_at=row["opened_at"],
    )


class Lines:
    """Open connections, and the last ones that ended."""

    def __init__(self, options: Options) -> None:
        self._most_open = options.max_screen_connections
        self._most_ended = options.max_screen_ended
        self.open: OrderedDict[int, Line] = OrderedDict()
        self.ended: OrderedDict[int, Line] = OrderedDict()
        self.ended_count = 0
        # Times of handshakes come before the rows of the connections that they opened.
        self._handshakes: OrderedDict[int, int] = OrderedDict()

    def find(self, number: int) -> Line | None:
        """Return a connection's line, if it still has one."""
        return self.open.get(number) or self.ended.get(number)

    def all(self) -> Iterator[Line]:
        """Yield open ones, then ended ones."""
        yield from self.open.values()
        yield from self.ended.values()

    def took(self, number: int, nanoseconds: int) -> None:
        """Note how long a connection's handshake took."""
        line = self.find(number)
        if line is not None:
            line.handshake = nanoseconds
            return
        self._handshakes[number] = nanoseconds
        if len(self._handshakes) > self._most_ended:
            self._handshakes.popitem(last=False)

    def opens(self, row: dict[str, Any], now: int) -> Line:
        """Take the early row of a connection."""
        line = line_of(row)
        line.last = now
        line.handshake = self._handshakes.pop(line.number, None)
        self.open[line.number] = line
        if len(self.open) > self._most_open:
            self.open.popitem(last=False)
        return line

    def ends(self, row: dict[str, Any]) -> None:
        """Take the final row of a connection."""
        line = self.open.pop(row["connection"], None) or line_of(row)
        line.end = End(
            at=row["closed_at"],
            kind=row["close_kind"] or "open",
            code=row["close_code"],
            reason=None if row["close_reason"] is None else harmless(row["close_reason"]),
            by=row["closed_by"],
            duration=row["duration_s"],
            wire_bytes=row["wire_bytes"],
            client_logs=row["client_logs"],
            server_logs=row["server_logs"],
        )
        line.inner = harmless(row["inner"] or line.inner)
        line.last = line.last or row["closed_at"] or 0
        for side, name in enumerate(("client", "server")):
            line.messages[side] = row[f"{name}_messages"]
            line.payload[side] = row[f"{name}_payload_bytes"]
        self.ended_count += 1
        self.ended[line.number] = line
        if len(self.ended) > self._most_ended:
            self.ended.popitem(last=False)

    def count(self, numbers: Integers, directions: Integers, payload: Integers, now: int) -> None:
        """Count messages.

        Args:
            numbers: connection of each message, int64.
            directions: 0 client, 1 server, of each.
            payload: bytes of each.
            now: ns.
        """
        unique, inverse = np.unique(numbers, return_inverse=True)
        places = 2 * inverse + directions
        counts = np.bincount(places, minlength=2 * len(unique)).tolist()
        sizes = np.bincount(places, weights=payload, minlength=2 * len(unique)).tolist()
        second = now // NS
        for at, number in enumerate(unique.tolist()):
            line = self.open.get(number)
            if line is None:
                continue
            line.last = now
            for side in (0, 1):
                if counts[2 * at + side]:
                    line.count(second, side, counts[2 * at + side])
                    line.messages[side] += counts[2 * at + side]
                    line.payload[side] += int(sizes[2 * at + side])
