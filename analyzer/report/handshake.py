"""One upgrade attempt in full on the terminal, a failed one above all: fields and findings.

Knows rows of one attempt. A Writer of the pipeline that keeps its rows, bounded; the command
line makes it for --handshake and prints it when the analysis is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyzer.report.connection import IN_THE_HEAD, fields, list_findings
from analyzer.report.layout import Cell, heading, say, traffic
from analyzer.report.terminal import target
from analyzer.report.text import Text
from analyzer.report.wording import address
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import row_values

if TYPE_CHECKING:
    from analyzer.report.text import Console


KEPT = 10_000
"""Findings about headers that are kept until it is known whose they are."""
_OF_HEADS = ("handshake-", "http-", "http2-", "websocket-old-draft")


class HandshakeReport:
    """Keeps the rows of one upgrade attempt and prints them."""

    def __init__(self, handshake: int) -> None:
        """Keep rows of the attempt of this number."""
        self.handshake = handshake
        self._row: dict[str, Any] | None = None
        self._findings: list[dict[str, Any]] = []

    def write(self, rows: TableRows) -> None:
        """Keep the row of the attempt, and findings that may be about it."""
        if rows.table.name == "handshakes":
            for place, number in enumerate(rows.values["handshake"]):
                if number == self.handshake:
                    self._row = row_values(rows, place)
                    self._findings = [each for each in self._findings if self._concerns(each)]
        elif rows.table.name == "findings":
            for place, name in enumerate(rows.values["id"]):
                if len(self._findings) < KEPT and str(name).startswith(_OF_HEADS):
                    found = row_values(rows, place)
                    if self._row is None or self._concerns(found):
                        self._findings.append(found)

    def _concerns(self, found: dict[str, Any]) -> bool:
        """Return whether a finding is about the attempt: on its connection, within its packets."""
        row = self._row
        assert row is not None
        if found["tcp_stream"] != row["tcp_stream"] or found["packet"] is None:
            return False
        begin = row["request_packet"] or row["response_packet"] or 0
        end = row["response_packet"]
        return bool(begin <= found["packet"] and (end is None or found["packet"] <= end))

    def close(self) -> None:
        """Do nothing: render() prints."""

    def abort(self) -> None:
        """Do nothing."""

    @property
    def found(self) -> bool:
        """Whether there is such an attempt."""
        return self._row is not None

    def render(self, console: Console, *, control: bool = True) -> None:
        """Print the attempt; it has no frames, so that `control` does not matter."""
        row = self._row
        assert row is not None
        name = Text(f"Handshake {row['handshake']}", "bold")
        say(console, name, "  ", traffic(target(row)), indent=0)
        client = address(row["client_ip"], row["client_port"])
        server = address(row["server_ip"], row["server_port"])
        say(console, traffic(f"{client} to {server}"), f"; tcp.stream eq {row['tcp_stream']}")
        outcome: list[Cell] = [row["outcome"]]
        if row["status"] is not None:
            outcome.append(f", {row['status']}")
        if row["outcome_reason"]:
            outcome += [": ", traffic(row["outcome_reason"])]
        say(console, *outcome)
        if row["connection"] is not None:
            text = f"--connection {row['connection']} shows the connection that it opened."
            say(console, Text(text, "dim"))
        heading(console, "Opening handshake")
        fields(console, "handshakes", row, skip=IN_THE_HEAD)
        list_findings(console, self._findings)
