"""Previews: how a message begins, as text that can be read on one line.

Used by tables.build. Knows bytes and text only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analyzer.columns import NULL, Rows, pieces
from analyzer.options import Options
from analyzer.tables import _texts
from analyzer.tables._texts import SHOW_BINARY, SHOW_NOTHING, SHOW_TEXT
from analyzer.tables.texts import LazyTexts, Texts

_TEXT = 1
_ELLIPSIS = "…"

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
# Characters that reorder or hide what is around them on a screen.
_ESCAPES |= {code: f"\\u{code:04x}" for code in (*range(0x200B, 0x2010), *range(0x2028, 0x202F))}
_ESCAPES |= {code: f"\\u{code:04x}" for code in (*range(0x2060, 0x2070), 0xFEFF, 0x61C)}
_ESCAPES |= {code: f"\\u{code:04x}" for code in (0xAD, 0x180E, *range(0xFFF9, 0xFFFC))}
_ESCAPES |= {code: f"\\U{code:08x}" for code in range(0xE0000, 0xE0080)}


def preview(payload: bytes, size: int, *, is_text: bool, limit: int) -> str:
    """Return the beginning of a payload on one line.

    Args:
        payload: the payload, or its first bytes.
        size: of the whole payload; NULL if not known.
        is_text: UTF-8 text is shown with control characters escaped (a backslash is
            doubled, so that the text is unambiguous); else bytes in hexadecimal.
        limit: how many bytes to show at most.

    Returns:
        The text; an ellipsis ends it if more follows.
    """
    shown = payload[:limit]
    more = size > len(shown)
    if is_text:
        text = shown.decode("utf-8", "replace")
        if more and text.endswith("�"):
            # A character cut by the limit is no fault of the text.
            text = _cut_character(shown, text)
        if not (text.isascii() and text.isprintable() and "\\" not in text):
            text = text.translate(_ESCAPES)
    else:
        text = shown.hex(" ")
    return text + _ELLIPSIS if more else text


def _cut_character(shown: bytes, text: str) -> str:
    for back in (1, 2, 3):
        if len(shown) >= back and shown[-back] >= 0xC0:
            return shown[:-back].decode("utf-8", "replace")
    return text


class Previews(LazyTexts):
    """The column payload_preview, made when a report reads it: as `preview` does, by a kernel."""

    def __init__(self, payloads: Sequence[bytes | None], rows: Rows, options: Options) -> None:
        self._payloads = payloads
        self._rows = rows
        self._options = options
        self._limit = options.preview_bytes
        self._shown = options.payload != "none"

    def _lay(self) -> Texts:
        rows = self._rows
        if not self._shown or not len(rows):
            return Texts.nothing(len(rows))
        data, starts, lengths = pieces(self._payloads)
        sizes = rows["payload_bytes"]
        known = (lengths >= 0) & (sizes != NULL)
        shown = np.minimum(lengths, self._limit)
        # Where nothing is known there is nothing to show.
        kinds = np.where(rows["opcode"] == _TEXT, SHOW_TEXT, SHOW_BINARY).astype(np.uint8)
        kinds[~known] = SHOW_NOTHING
        more = (sizes > shown).astype(np.uint8)
        return Texts(*_texts.Texts().previews(data, starts, shown, kinds, more), known)

    def __len__(self) -> int:
        return len(self._rows)

    def some(self, places: Sequence[int]) -> list[str | None]:
        """Return some cells (declare.Picks)."""
        return [self[at] for at in places]

    def __getitem__(self, index: Any) -> Any:
        if self._laid is None and isinstance(index, int) and 0 <= index < len(self):
            # Who looks at a few rows of many need not pay for the others.
            payload = self._payloads[index] if self._shown else None
            size = int(self._rows["payload_bytes"][index])
            if payload is None or size == NULL:
                return None
            is_text = bool(self._rows["opcode"][index] == _TEXT)
            return preview(payload, size, is_text=is_text, limit=self._limit)
        return self.laid()[index]
