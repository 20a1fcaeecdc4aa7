"""Rows of `findings`: floods counted, TCP slots turned into connection numbers.

Used by tables.build. Knows nothing of what the findings mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analyzer.columns import NULL
from analyzer.findings import SEVERITIES, TCP_CONNECTION_LIMIT, Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.schema import FINDINGS, TableRows
from analyzer.tables.secrets import hide_subprotocols
from analyzer.tables.timing import columns_of

_Row = tuple[object, ...]

AMOUNT: Final = "amount"
"""Name among a batch's values of what each sentence counts: int64, NULL if nothing."""

_FROM_HEADS: Final = ("handshake-", "http-", "http2-", "websocket-")
"""Prefixes of ids whose details may quote headers, or bytes that may be headers."""


@dataclass(slots=True)
class _Place:
    """Where the findings of one slot belong, while it is in use."""

    tcp_stream: int
    connection: int = NULL
    counts: dict[int, int] = field(default_factory=dict)
    more: dict[int, Finding] = field(default_factory=dict)
    more_amounts: dict[int, int] = field(default_factory=dict)
    waiting: list[Finding] = field(default_factory=list)


class FindingLog:
    """Holds findings whose WebSocket connection is not known yet, by slot.

    And how often each kind was seen there.

    Args:
        options: limits.
        client_sides: side of the client by slot, kept up to date by the caller. Where it is
            not known, side 0 is the client, as in the ledger.
    """

    def __init__(self, options: Options, client_sides: Mapping[int, int] | None = None) -> None:
        self._client_sides = {} if client_sides is None else client_sides
        self._limit = options.findings_per_connection
        self._show_secrets = options.show_secrets
        self._places: dict[int, _Place] = {}
        self._connections: dict[int, int] = {}
        self._nowhere = _Place(NULL)
        self._rows: list[_Row] = []
        self._amounts: list[int] = []

    def add(self, found: Sequence[Finding], stream_of: dict[int, int]) -> None:
        """Take findings; `stream_of` gives the tcp_stream of each of their slots."""
        for finding in found:
            if finding.slot < 0 or finding.kind is TCP_CONNECTION_LIMIT:
                # Each is of another connection: together they are one flood.
                self._count(self._nowhere, finding)
                continue
            place = self._places.get(finding.slot)
            if place is None:
                place = self._places[finding.slot] = _Place(
                    stream_of[finding.slot], self._connections.get(finding.slot, NULL)
                )
            self._count(place, finding)

    def opened(self, slot: int, connection: int) -> None:
        """A WebSocket connection opened in `slot`: what waited for it gets its number."""
        self._connections[slot] = connection
        place = self._places.get(slot)
        if place is not None:
            place.connection = connection
            self._release(place)

    def ended(self, slot: int) -> None:
        """The slot's connection left."""
        self._connections.pop(slot, None)
        place = self._places.pop(slot, None)
        if place is not None:
            self._finish(place)

    def finish(self) -> None:
        """The capture ended."""
        for place in [*self._places.values(), self._nowhere]:
            self._finish(place)
        self._places.clear()
        self._nowhere = _Place(NULL)

    def take(self) -> TableRows:
        """Return the rows that are ready."""
        rows, self._rows = self._rows, []
        amounts, self._amounts = self._amounts, []
        values = columns_of(FINDINGS.columns, rows)
        if not rows:
            return TableRows(FINDINGS, values, 0)
        # No column: what the summary adds up over connections, where the kind counts something.
        return TableRows(FINDINGS, {**values, AMOUNT: np.array(amounts, np.int64)}, len(rows))

    def _count(self, place: _Place, finding: Finding) -> None:
        code = finding.kind.code
        seen = place.counts.get(code, 0)
        place.counts[code] = seen + 1
        if seen < self._limit:
            if place.connection == NULL and finding.slot >= 0:
                place.waiting.append(finding)
            else:
                self._write(finding, place, _amount(finding))
            return
        # Findings that are not listed one by one still count in the total.
        place.more_amounts[code] = place.more_amounts.get(code, 0) + max(_amount(finding), 0)
        if code in place.more:
            place.more[code] = replace(
                place.more[code], count=place.more[code].count + finding.count
            )
        else:
            place.more[code] = finding

    def _release(self, place: _Place) -> None:
        for finding in place.waiting:
            self._write(finding, place, _amount(finding))
        place.waiting.clear()

    def _finish(self, place: _Place) -> None:
        self._release(place)
        for code, finding in place.more.items():
            has_amount = _amount(finding) != NULL
            self._write(finding, place, place.more_amounts[code] if has_amount else NULL)

    def _write(self, finding: Finding, place: _Place, amount: int) -> None:
        self._rows.append(self._row(finding, place))
        self._amounts.append(amount)

    def _row(self, finding: Finding, place: _Place) -> _Row:
        if not self._show_secrets and finding.kind.id.startswith(_FROM_HEADS):
            detail = str(finding.detail)
            if not detail.isdigit():
                finding = replace(finding, detail=hide_subprotocols(detail))
        text = finding.text
        if finding.count > 1 and finding.kind.text.find("{detail}") < 0:
            text = f"{text} ({finding.count} times from here on.)"
        return (
            finding.kind.id,
            SEVERITIES.index(finding.kind.severity),
            place.connection,
            place.tcp_stream,
            finding.packet or NULL,
            NULL if finding.frame < 0 else finding.frame,
            finding.rfc or finding.kind.rfc or None,
            text,
            finding.count,
            self._culprit(finding),
        )

    def _culprit(self, finding: Finding) -> int:
        """Return 0 for the client, 1 for the server, -1 for neither."""
        if finding.direction < 0 or not finding.kind.has_culprit:
            return -1
        return (finding.direction & 1) ^ self._client_sides.get(finding.direction >> 1, 0)


def _amount(finding: Finding) -> int:
    """Return what a finding's sentence counts; NULL if details of its kind are not added up."""
    detail = str(finding.detail)
    return int(detail) if finding.kind.total and detail.isascii() and detail.isdigit() else NULL
