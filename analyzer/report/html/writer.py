"""Gathers the rows of an analysis and writes the page.

Memory is bounded: of each table the first rows are kept, and the page says of how many.
Hostile text is escaped by the template, or set as text by the script; a
Content-Security-Policy allows the page's own scripts and styles alone, by their digests.
Knows rows and files. Made by the command line, called by the pipeline.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np

from analyzer.columns import NULL
from analyzer.report.html import sections
from analyzer.report.html.data import Kept, packed
from analyzer.report.html.sections import Section
from analyzer.report.output import PendingFile, report_errors
from analyzer.report.wording import duration, moment, number, printable, size
from analyzer.tables import schema
from analyzer.tables.schema import HTTP_KINDS, TableRows
from analyzer.tables.summary import Capture, Summary
from analyzer.version import __version__

MAX_MESSAGES: Final = 100_000
"""Messages in the page (about 3 MB in it, opened within two seconds)."""
MAX_ROWS: Final = 10_000
"""Rows of each further table."""

_MESSAGES: Final = (
    *("connection", "message", "direction", "type", "frames", "compressed", "payload_bytes"),
    *("transfer_bytes", "wire_bytes", "overhead_ratio", "packet_first", "packet_last"),
    *("time_first", "delivery_us", "stall_us", "window_us", "nagle_us", "resent_us", "gap_us"),
    *("reply_us", "inner", "kind", "name", "id", "topic", "payload_preview"),
)
_KEPT: Final[dict[str, tuple[int, tuple[str, ...] | None, tuple[str, ...]]]] = {
    "connections": (MAX_ROWS, None, ("connection",)),
    "handshakes": (MAX_ROWS, None, ("handshake",)),
    "messages": (MAX_MESSAGES, _MESSAGES, ("time_first", "connection", "message")),
    "pings": (MAX_ROWS, None, ("connection", "ping_frame")),
    "calls": (MAX_ROWS, None, ("call",)),
    "findings": (MAX_ROWS, None, ("packet", "connection")),
    "http": (MAX_ROWS, None, ("started_at", "tcp_stream", "exchange")),
    "http_groups": (MAX_ROWS, None, ("group",)),
    "series": (MAX_ROWS * 10, None, ("second",)),
}
"""Rows kept, columns kept (None: all), and the order, by table."""

_TABLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "connections": (
        "Connections",
        (
            *("connection", "tcp_stream", "host", "path", "opened_at", "duration_s"),
            *("client_messages", "server_messages", "wire_bytes", "close_kind", "close_code"),
            "closed_by",
        ),
    ),
    "messages": (
        "Messages",
        (
            *("time_first", "connection", "message", "direction", "type", "name"),
            *("payload_bytes", "wire_bytes", "delivery_us", "reply_us", "packet_first"),
            "payload_preview",
        ),
    ),
    "calls": (
        "Calls",
        (
            *("call", "connection", "inner", "name", "caller", "requested_at", "reply_us"),
            *("outcome", "request_packet"),
        ),
    ),
    "findings": (
        "Findings",
        ("severity", "id", "connection", "tcp_stream", "packet", "count", "rfc", "text"),
    ),
    "handshakes-table": (
        "All handshakes",
        (
            *("handshake", "connection", "tcp_stream", "host", "path", "outcome", "status"),
            *("tcp_us", "tls_us", "upgrade_us", "total_us", "request_packet"),
        ),
    ),
    "http_groups": (
        "Deliveries over plain HTTP",
        (
            *("group", "kind", "client_ip", "host", "path", "requests", "empty_answers"),
            *("messages", "message_bytes", "wire_bytes_per_message", "interval_s", "delay_us"),
            "held_us_max",
        ),
    ),
    "http": (
        "Plain HTTP exchanges",
        ("started_at", "tcp_stream", "method", "host", "path", "status", "kind", "total_us"),
    ),
}
"""Title and columns of each table of the page."""
_WITHOUT_ROWS: Final = "findings"
"""The table that the page has even where it is empty: that there are none is news."""


class HtmlWriter:
    """Writes the page."""

    def __init__(self, target: str | Path, *, late_us: float = 20_000.0) -> None:
        """Open the target.

        Raises:
            ReportError: It cannot be written.
        """
        self._pending = PendingFile(Path(target))
        self._over = False
        self._summary = Summary(late_us=late_us)
        self._kept = {
            name: Kept(schema.BY_NAME[name], most, columns)
            for name, (most, columns, _) in _KEPT.items()
            if name in schema.BY_NAME
        }

    def write(self, rows: TableRows) -> None:
        """Keep what the page shows."""
        self._summary.add(rows)
        kept = self._kept.get(rows.table.name)
        if kept is not None:
            kept.add(rows)

    def captured(self, capture: Capture) -> None:
        """Take what was read (report.output.WantsCapture)."""
        self._summary.capture = capture

    def close(self) -> None:
        """Write the page and put it in place."""
        if self._over:
            return
        page = self._page().encode("utf-8", "replace")
        with report_errors(self._pending.target):
            self._pending.file.write(page)
        self._pending.finish()
        self._pending.commit()
        self._over = True

    def abort(self) -> None:
        """Remove what was written."""
        if not self._over:
            self._over = True
            self._pending.discard()

    # --- the page

    def _page(self) -> str:
        import jinja2

        here = resources.files(__package__)
        files = {
            name: here.joinpath(path).read_text(encoding="utf-8")
            for name, path in (
                ("css", "style.css"),
                ("js", "report.js"),
                ("uplot_css", "vendor/uPlot.min.css"),
                ("uplot_js", "vendor/uPlot.iife.min.js"),
            )
        }
        template = here.joinpath("report.html.jinja").read_text(encoding="utf-8")
        made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        parts = self._sections()
        return made.from_string(template).render(
            **files,
            script_hashes=_digests(files["uplot_js"], files["js"]),
            style_hashes=_digests(files["uplot_css"], files["css"]),
            version=__version__,
            title=self._title(),
            subtitle=self._subtitle(),
            facts=self._facts(),
            sections=parts,
            blobs=self._blobs(parts),
        )

    def _title(self) -> str:
        names = [PurePath(name).name or name for name in self._summary.capture.files]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return printable(", ".join(names[:3]) + more)[:300] or "Capture"

    def _subtitle(self) -> str:
        capture = self._summary.capture
        if capture.first_time == NULL:
            return "WebSocket traffic, as wsanalyze reads it"
        span = duration(capture.last_time - capture.first_time)
        return f"{moment(capture.first_time)} UTC, {span}; times are UTC"

    def _facts(self) -> list[tuple[str, str]]:
        summary = self._summary
        both = summary.messages[0] + summary.messages[1]
        wire = sum(side["wire_bytes"] - side["duplicate_bytes"] for side in summary.ledger)
        facts = [("packets", number(summary.capture.packets))]
        exchanges = sum(summary.http_kinds[kind, "exchanges"] for kind in HTTP_KINDS)
        if summary.rows["handshakes"] or not exchanges:
            facts += [
                ("WebSocket connections", number(summary.rows["connections"])),
                ("handshakes", number(summary.rows["handshakes"])),
                ("messages", number(both["messages"])),
                ("payload", size(both["payload_bytes"])),
                ("on the wire", size(wire)),
            ]
        if exchanges:
            told = sum(summary.http_kinds[kind, "messages"] for kind in HTTP_KINDS[1:])
            facts.append(("plain HTTP exchanges", number(exchanges)))
            if told:
                facts.append(("messages in their answers", number(told)))
        facts.append(("findings", number(sum(each.count for each in summary.findings.values()))))
        if summary.late.count:
            facts.append(("late messages", number(summary.late.count)))
        return facts

    def _span(self) -> tuple[int, int]:
        capture = self._summary.capture
        if capture.first_time != NULL:
            return capture.first_time, capture.last_time
        rows = self._kept["connections"]
        opened = np.asarray(rows.column("opened_at"), np.int64)
        closed = np.asarray(rows.column("closed_at"), np.int64)
        times = np.concatenate([opened, closed])
        times = times[times != NULL]
        return (int(times.min()), int(times.max())) if len(times) else (0, 0)

    def _sections(self) -> list[Section]:
        kept, summary = self._kept, self._summary
        found: list[Section | None] = [
            sections.outstanding(summary),
            sections.timeline(kept["connections"], kept["messages"], kept["pings"], self._span()),
        ]
        if kept.get("series") is not None and kept["series"].count > 1:
            found.append(Section("rates", "Rates over time", rates=True))
        found += [
            sections.handshakes(kept["handshakes"]),
            sections.delays(kept["messages"], kept["pings"], kept["calls"], kept["http"]),
            sections.sizes(kept["messages"]),
            sections.ledger(summary),
            sections.alternatives(summary),
            *self._tables(),
        ]
        return [section for section in found if section is not None]

    def _tables(self) -> Iterator[Section]:
        for name, (title, _) in _TABLES.items():
            rows = self._kept[name.partition("-")[0]]
            if not rows.seen and name != _WITHOUT_ROWS:
                continue
            section = Section(f"table-{name}", title, table=name if rows.seen else "")
            if not rows.seen:
                section.lines.append("None.")
            if rows.seen > rows.count:
                few = f"The first {number(rows.count)} of {number(rows.seen)}; --csv has them all."
                section.lines.append(few)
            yield section

    def _blobs(self, parts: Sequence[Section]) -> list[tuple[str, str]]:
        blobs = []
        for name in [each.table for each in parts if each.table]:
            kept = self._kept[name.partition("-")[0]]
            rows = kept.ordered(_KEPT[kept.table.name][2])
            blobs.append((name, packed(rows, _TABLES[name][1], self._streams(rows))))
        if any(each.rates for each in parts):
            rows = self._kept["series"].ordered(_KEPT["series"][2])
            blobs.append(("series", packed(rows, ())))
        return blobs

    def _streams(self, rows: TableRows) -> dict[str, Any]:
        """Return the column tcp_stream for rows that have a connection alone."""
        if "tcp_stream" in rows.values or "connection" not in rows.values:
            return {}
        known = self._kept["connections"]
        streams = dict(
            zip(
                np.asarray(known.column("connection")).tolist(),
                np.asarray(known.column("tcp_stream")).tolist(),
                strict=True,
            )
        )
        numbers: Any = rows.values["connection"]
        found = [streams.get(int(each), NULL) for each in numbers]
        return {"tcp_stream": np.asarray(found, np.int64)}


def _digests(*texts: str) -> str:
    """Return sources of a Content-Security-Policy: the digests of inline scripts or styles."""
    found = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{each}'" for each in found)
