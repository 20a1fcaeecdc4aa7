"""One connection in full on the terminal: handshake, ledger, messages, pings, findings.

Knows rows of one connection. A Writer of the pipeline that keeps its rows, bounded; the
command line makes it for --connection and prints it when the analysis is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyzer.report import alternatives, inside
from analyzer.report.layout import (
    Cell,
    Head,
    bar,
    heading,
    is_ascii,
    item,
    say,
    severity,
    table,
    traffic,
)
from analyzer.report.listing import CONTROL, MessageListing
from analyzer.report.terminal import ENDINGS, PART_NAMES, code_name, target
from analyzer.report.text import Text
from analyzer.report.wording import address, clock, duration, moment, number, plural, share, size
from analyzer.tables.schema import BY_NAME, Column, TableRows
from analyzer.tables.summary import row_values

if TYPE_CHECKING:
    from analyzer.report.text import Console


KEPT = 200
"""Rows of each table that are kept and shown; further ones are counted."""


class ConnectionReport:
    """Keeps the rows of one connection and prints them."""

    def __init__(self, connection: int) -> None:
        """Keep rows of the connection of this number."""
        self.connection = connection
        self.counts: dict[str, int] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def write(self, rows: TableRows) -> None:
        """Keep the first rows of the connection in each table."""
        if "connection" not in rows.values:
            return
        name = rows.table.name
        for place, connection in enumerate(rows.values["connection"]):
            if connection != self.connection:
                continue
            self.counts[name] = self.counts.get(name, 0) + 1
            if self.counts[name] <= KEPT:
                self._rows.setdefault(name, []).append(row_values(rows, place))

    def close(self) -> None:
        """Do nothing: render() prints."""

    def abort(self) -> None:
        """Do nothing."""

    @property
    def found(self) -> bool:
        """Whether there is such a connection."""
        return bool(self._rows.get("connections"))

    def rows(self, table_name: str) -> list[dict[str, Any]]:
        """Return the kept rows of a table."""
        return self._rows.get(table_name, [])

    def render(self, console: Console, *, control: bool = True) -> None:
        """Print the connection; `control` says whether control frames are listed."""
        row = self.rows("connections")[0]
        self._head(console, row)
        for handshake in self.rows("handshakes"):
            heading(console, "Opening handshake")
            fields(console, "handshakes", handshake, skip=IN_THE_HEAD)
        self._ledger(console)
        alternatives.section(self.rows("alternatives"), console)
        inside.of_connection(self.rows("calls"), console)
        self._more(console, "calls", min(inside.SHOWN_OF_ONE, len(self.rows("calls"))))
        self._listing(console, control=control)
        self._pings(console)
        self._findings(console)

    def _head(self, console: Console, row: dict[str, Any]) -> None:
        say(
            console,
            Text(f"Connection {row['connection']}", "bold"),
            "  ",
            traffic(target(row)),
            indent=0,
        )
        client = address(row["client_ip"], row["client_port"])
        server = address(row["server_ip"], row["server_port"])
        say(console, traffic(f"{client} to {server}"), f"; tcp.stream eq {row['tcp_stream']}")
        if row["opened_at"] is not None:
            lasted = "" if row["duration_s"] is None else f", lasted {duration(row['duration_s'])}"
            say(console, f"opened {moment(row['opened_at'])} UTC{lasted}")
        ended: list[Cell] = [ENDINGS.get(row["close_kind"], "")]
        if row["closed_by"]:
            ended.append(f" by the {row['closed_by']}")
        if row["close_code"] is not None:
            ended.append(f", {code_name(row['close_code'])}")
        if row["close_reason"]:
            ended += [": ", traffic(row["close_reason"])]
        say(console, *ended)
        for side in ("client", "server"):
            messages = plural(row[f"{side}_messages"], "message")
            frames = plural(row[f"{side}_frames"], "frame")
            payload = size(row[f"{side}_payload_bytes"])
            say(console, f"from {side}: {messages} in {frames}, {payload} of payload")

    def _ledger(self, console: Console) -> None:
        sides = {row["direction"]: row for row in self.rows("ledger")}
        client, server = sides.get("client", {}), sides.get("server", {})
        whole = client.get("wire_bytes", 0) + server.get("wire_bytes", 0)
        if not whole:
            return
        heading(console, "Where the bytes went")
        room = min(30, console.width - 70)
        rows: list[tuple[Cell, ...]] = []
        for part, name in (*PART_NAMES.items(), ("wire_bytes", "all")):
            up, down = client.get(part, 0), server.get(part, 0)
            if up + down:
                drawn = bar(up + down, whole, room, ascii_only=is_ascii(console))
                of_all = (share(up + down, whole), drawn) if name != "all" else ("", "")
                rows.append((name, number(up), number(down), number(up + down), *of_all))
        for count, name in (
            ("packets", "packets"),
            ("pure_acks", "pure ACKs"),
            ("lost_bytes", "lost"),
        ):
            up, down = client.get(count, 0), server.get(count, 0)
            if up + down:
                rows.append(
                    (Text(name, "dim"), number(up), number(down), number(up + down), "", "")
                )
        heads = [Head("bytes", "left"), Head("from client"), Head("from server"), Head("both")]
        table(console, [*heads, Head("share"), Head("", "left")], rows)

    def _listing(self, console: Console, *, control: bool) -> None:
        messages, frames = self.rows("messages"), self.rows("frames")
        controls = [row for row in frames if row["opcode"] in CONTROL] if control else []
        if not messages and not controls:
            return
        heading(console, "Messages")
        listing = MessageListing(console)
        for row in sorted([*messages, *controls], key=lambda row: int(row["time_first"])):
            listing.show(row)
        self._more(console, "messages", len(messages))
        if len(frames) < self.counts.get("frames", 0):
            say(console, f"Control frames are listed from the first {len(frames)} frames.")

    def _pings(self, console: Console) -> None:
        pings = self.rows("pings")
        if not pings:
            return
        heading(console, "Pings")
        heads = [Head("from", "left"), Head("ping frame"), Head("pong frame"), Head("round trip")]
        rows = [
            (
                row["direction"] or "",
                str(row["ping_frame"]),
                "-" if row["pong_frame"] is None else str(row["pong_frame"]),
                "not answered" if row["rtt_us"] is None else duration(row["rtt_us"]),
            )
            for row in pings[:20]
        ]
        table(console, heads, rows)
        self._more(console, "pings", len(rows))

    def _findings(self, console: Console) -> None:
        findings = self.rows("findings")
        list_findings(console, findings)
        self._more(console, "findings", len(findings))

    def _more(self, console: Console, name: str, shown: int) -> None:
        hidden = self.counts.get(name, 0) - shown
        if hidden > 0:
            say(console, f"and {number(hidden)} more; --csv DIR has them all")


def list_findings(console: Console, findings: list[dict[str, Any]]) -> None:
    """Print findings in full, each with its sentence below."""
    heading(console, "Findings")
    if not findings:
        say(console, "none")
    for row in findings:
        mark = severity(console, row["severity"])
        mark.append(" " * (10 - mark.cell_len))
        times = f"  {number(row['count'])} times" if (row["count"] or 1) > 1 else ""
        where = "" if row["packet"] is None else f"  packet {row['packet']}"
        say(console, mark, Text(row["id"], "bold"), Text(where + times, "dim"))
        rule = f" ({row['rfc']})" if row["rfc"] else ""
        say(console, traffic(row["text"]), Text(rule, "dim"), indent=12)


IN_THE_HEAD = frozenset(
    {
        "connection",
        "tcp_stream",
        "client_ip",
        "client_port",
        "server_ip",
        "server_port",
        "handshake",
    }
)


def fields(console: Console, name: str, row: dict[str, Any], *, skip: frozenset[str]) -> None:
    """Print the fields of a row of table `name` below each other, whole, nulls left out."""
    columns = [
        column
        for column in BY_NAME[name].columns
        if column.name not in skip and row[column.name] is not None
    ]
    width = max((len(column.name) for column in columns), default=0)
    for column in columns:
        label = Text(column.name, "dim")
        item(console, label, _field(column, row[column.name]), width=width, justify="left")


def _field(column: Column, value: Any) -> Cell:
    if column.type in ("us", "seconds"):
        return duration(value)
    if column.type == "time":
        return clock(value)
    if column.type == "bool":
        return "yes" if value else "no"
    if column.type == "ratio":
        return f"{value:.3f}"
    if column.name.endswith("_bytes"):
        return f"{number(value)} B"
    return traffic(str(value))
