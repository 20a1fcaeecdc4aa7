"""One message whole on the terminal: its figures, and its payload as JSON, text or bytes.

Knows one row of messages, with its payload. A Writer of the pipeline; made by the verb
messages for --message, which prints it when the analysis is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from analyzer.report.connection import fields
from analyzer.report.layout import heading, say
from analyzer.report.text import Text
from analyzer.report.wording import plural, printable
from analyzer.tables.declare import row_values
from analyzer.tables.schema import TableRows

if TYPE_CHECKING:
    from analyzer.report.text import Console


View = Literal["auto", "json", "text", "hex"]

_HEX_COLUMNS = 16
_IN_THE_HEAD = frozenset({"connection", "message", "direction", "payload_preview", "payload"})
_JSON_BEGINS = b"{["
_MAX_PREFIX = 32
"""Bytes before the JSON of a message: Socket.IO's type, namespace and id fit in."""


class MessageReport:
    """Keeps one message and prints it.

    Args:
        connection: number of its connection.
        message: its number there.

    Attributes:
        seen: messages of that connection.
    """

    def __init__(self, connection: int, message: int) -> None:
        self.connection = connection
        self.message = message
        self.seen = 0
        self._row: dict[str, Any] | None = None

    def write(self, rows: TableRows) -> None:
        """Keep the row of the message."""
        if rows.table.name != "messages":
            return
        numbers: Any = rows.values["message"]
        for place, connection in enumerate(rows.values["connection"]):
            if connection == self.connection:
                self.seen += 1
                if numbers[place] == self.message:
                    self._row = row_values(rows, place)

    def close(self) -> None:
        """Do nothing: render() prints."""

    def abort(self) -> None:
        """Do nothing."""

    @property
    def found(self) -> bool:
        """Whether there is such a message."""
        return self._row is not None

    def render(self, console: Console, view: View = "auto") -> None:
        """Print the message.

        Args:
            console: where to.
            view: auto: JSON that parses is indented, other text is shown as it is, binary
                payload as a dump; json: as auto for text, also of binary payload.
        """
        row = self._row
        assert row is not None
        title = f"Message {self.message} of connection {self.connection}, from {row['direction']}"
        say(console, Text(title, "bold"), indent=0)
        fields(console, "messages", row, skip=_IN_THE_HEAD)
        payload = row["payload"]
        if payload is None:
            heading(console, "Payload")
            say(console, "was not kept: it cannot be inflated, or is longer than is read")
            return
        name, lines = payload_lines(payload, view, is_text=row["type"] == "text")
        heading(console, "Payload", f"{plural(len(payload), 'byte')}, {name}")
        for line in lines:
            console.file.write(line + "\n")


def payload_lines(payload: bytes, view: View, *, is_text: bool) -> tuple[str, Iterator[str]]:
    """Return how a payload is shown, and its lines, harmless for a terminal."""
    if view == "hex" or (view == "auto" and not is_text):
        return "as bytes", dumped(payload)
    if view != "text":
        parts = indented(payload)
        if parts is not None:
            return "as JSON", _text(parts)
    return "as text", _text(payload)


def indented(payload: bytes) -> bytes | None:
    """Return JSON indented, its numbers and escapes as sent; None if it does not parse.

    What comes before the JSON (Socket.IO's `42`) gets its own line.
    """
    import msgspec

    begin = min((at for at in map(payload.find, (b"{", b"[")) if at >= 0), default=-1)
    if not 0 <= begin <= _MAX_PREFIX:
        return None
    prefix, body = payload[:begin].strip(), payload[begin:]
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        made = msgspec.json.format(body, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return None
    return prefix + b"\n" + made if prefix else made


def _text(payload: bytes) -> Iterator[str]:
    for line in payload.decode("utf-8", "replace").split("\n"):
        yield printable(line.removesuffix("\r")).replace("\\x09", "    ")


def dumped(payload: bytes) -> Iterator[str]:
    """Yield a dump, 16 bytes a line: offset, hexadecimal, ASCII."""
    for start in range(0, len(payload), _HEX_COLUMNS):
        piece = payload[start : start + _HEX_COLUMNS]
        left, right = piece[:8].hex(" "), piece[8:].hex(" ")
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        yield f"{start:08x}  {left:<23}  {right:<23}  |{shown}|"
