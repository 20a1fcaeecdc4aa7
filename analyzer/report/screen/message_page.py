"""The page of one message: what it says, what it cost, and its payload as JSON, text or bytes.

It keeps the payload, so that nothing is lost while somebody reads. Knows the model. Part of
report.screen.whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from rich.text import Text

from analyzer.columns import NULL
from analyzer.report.message import View as Form
from analyzer.report.message import payload_lines
from analyzer.report.screen.harmless import folded, wrapped
from analyzer.report.screen.history import Event
from analyzer.report.screen.lines import Line
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Key, Page, TextPage, View
from analyzer.report.wording import clock, duration, number, plural, size
from analyzer.tables.schema import DIRECTIONS

MAX_SHOWN: Final = 256 * 1024
"""Bytes of a payload that are shown: making lines of them takes a tenth of a second, in which no
packets are analysed. `wsanalyze messages FILE --message C:N` shows more."""
MAX_LINES: Final = 20_000
"""Lines that are made of them: JSON of nothing but brackets has one for each byte."""
_FORMS: Final[dict[str, tuple[Form, ...]]] = {
    "as JSON": ("auto", "text", "hex"),
    "as text": ("auto", "hex"),
    "as bytes": ("auto", "text"),
}
"""Forms that differ, by what `auto` chooses."""


class MessagePage(TextPage):
    """One message.

    Args:
        line: of its connection.
        messages: that can be gone to from here, in order of time.
        place: which of them it is.
        model: that has the payload.
    """

    title = "Message"

    def __init__(self, line: Line, messages: Sequence[Event], place: int, model: Model) -> None:
        super().__init__()
        self._line = line
        self._messages = messages
        self._place = place
        self._form: Form = "auto"
        self._model = model
        self.watches = line.number
        self._made: tuple[tuple[Form, int], list[str]] | None = None
        self._name = ""
        self._best = ""
        self._payload: bytes | None = None
        self._read()

    @property
    def _event(self) -> Event:
        return self._messages[self._place]

    def _read(self) -> None:
        self._payload = self._model.history.payload(self._line.number, self._event.number)
        shown, is_text = (self._payload or b"")[:MAX_SHOWN], self._event.what == "text"
        self._best, _ = payload_lines(shown, "auto", is_text=is_text)
        self._made, self._top, self._match = None, 0, None
        self.title = f"Message {self._event.number}"

    @property
    def _next(self) -> Form:
        forms = _FORMS[self._best]
        now = self._form if self._form in forms else "auto"
        return forms[(forms.index(now) + 1) % len(forms)]

    def keys(self) -> list[Key]:
        """Return the keys of texts, and those that go to other messages and forms."""
        name = self._best.removeprefix("as ") if self._next == "auto" else self._next
        return [
            Key(("x",), "x", name, "show JSON, plain text, or bytes in hexadecimal"),
            Key(("left", "right"), "← →", "message", "the message before, and the next", "lt rt"),
            *super().keys(),
        ]

    def press(self, key: str, model: Model) -> Page | None:
        """Change the form, or the message."""
        if key == "x":
            self._form = self._next
            self._made, self._match = None, None
        elif key in ("left", "right"):
            place = self._place + (1 if key == "right" else -1)
            if 0 <= place < len(self._messages):
                self._place = place
                self._read()
        return super().press(key, model)

    def head(self, view: View) -> list[Text]:
        """Return which message it is, what it says and what it cost."""
        event = self._event
        which = f"Message {event.number} of connection {self._line.number}"
        length = "cannot be inflated" if event.length == NULL else size(event.length)
        time = "" if event.time == NULL else f", {clock(event.time)} UTC"
        lines = [
            Text.assemble((which, "bold"), f", from the {DIRECTIONS[event.side]}"),
            Text(f"{event.what}, {length}{time}"),
            *(Text(line) for line in folded(_called(event), view.width) if line),
            *(Text(line, "dim") for line in folded(_costs(event), view.width) if view.room >= 14),
        ]
        self._lines_of(view.width)
        return [*lines, Text(self._name, "dim")]

    def text(self, view: View) -> Sequence[str]:
        """Return the payload."""
        return self._lines_of(view.width)

    def _lines_of(self, width: int) -> list[str]:
        """Return the payload in lines of a width, made once."""
        if self._made is None or self._made[0] != (self._form, width):
            self._made = (self._form, width), self._make(width)
        return self._made[1]

    def _make(self, width: int) -> list[str]:
        event, payload = self._event, self._payload
        if payload is None:
            if not self._model.has_payload:
                self._name = "payload is not shown (--payload none)"
                return []
            self._name = "only its beginning is kept:"
            return wrapped(event.preview, width)
        self._name, lines = payload_lines(
            payload[:MAX_SHOWN], self._form, is_text=event.what == "text"
        )
        made: list[str] = []
        for line in lines:
            made += wrapped(line, width)
            if len(made) > MAX_LINES:
                break
        self._name = f"payload, {plural(len(payload), 'byte')}, {self._name}"
        if len(payload) > MAX_SHOWN or len(made) > MAX_LINES:
            self._name += ", its beginning"
        return list(islice(made, MAX_LINES))


def _called(event: Event) -> str:
    row = event.said or {}
    named = ("inner", "kind", "name", "id", "reply_to", "topic")
    words = [f"{name.replace('_', ' ')} {row[name]}" for name in named if row.get(name)]
    return ", ".join(words)


def _costs(event: Event) -> str:
    row = event.said or {}
    words = []
    if (row.get("frames") or 1) > 1:
        words.append(plural(row["frames"], "frame"))
    if row.get("transfer_bytes") is not None:
        words.append(f"{size(row['transfer_bytes'])} sent")
    wire = row.get("wire_bytes")
    words.append("not acknowledged yet" if wire is None else f"{size(wire)} on the wire")
    if row.get("delivery_us"):
        words.append(f"delivered in {duration(row['delivery_us'])}")
    if row.get("stall_us"):
        words.append(f"held up {duration(row['stall_us'])}")
    if row.get("reply_us") is not None:
        words.append(f"reply after {duration(row['reply_us'])}")
    if row.get("packet_first") is not None:
        words.append(f"packet {number(row['packet_first'])}")
    return ", ".join(words)
