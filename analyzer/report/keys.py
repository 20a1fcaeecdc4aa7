"""Keys of the terminal while a report is on it, without waiting for any.

Knows termios. Must not know what keys mean. Where there is no terminal to read from, there are
no keys. Used by report.live_view.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
from collections.abc import Iterator
from typing import Any, Final

from analyzer.lazy_pattern import lazy_pattern

_USUAL: Final = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1b[7~": "home",
    b"\x1b[8~": "end",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[Z": "back-tab",
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
    b"\t": "tab",
    b"\x7f": "backspace",
    b"\x08": "backspace",
    b"\x15": "clear",  # Ctrl-U
}
# What terminals send in application mode (DECCKM) begins with ESC O.
_NAMES: Final = _USUAL | {
    b"\x1bO" + name[2:]: key for name, key in _USUAL.items() if name.startswith(b"\x1b[")
}

_SEQUENCE: Final = lazy_pattern(
    # ECMA-48 5.4: parameters, intermediate bytes, one final byte; ESC O and one byte (SS3). Else
    # ESC is a key: with another behind it, it came as fast, as Alt does.
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b",
    re.DOTALL,
)
_BEGUN: Final = lazy_pattern(rb"\x1b(?:O|\[[0-?]*[ -/]*)\Z")
"""A sequence of which the end is missing."""
_MOST: Final = 4096
"""Bytes that are read at once: more than a pasted line has. The rest waits."""


class Keyboard:
    """Reads single keys of the terminal: of standard input, else of /dev/tty.

    Args:
        file: file number of another terminal.
    """

    def __init__(self, file: int | None = None) -> None:
        self._file = file
        self._own = False
        self._before: Any = None
        self._rest = b""

    def start(self) -> None:
        """Let keys come one by one and unseen, where there is a terminal."""
        with contextlib.suppress(OSError, ImportError, ValueError):
            import termios
            import tty

            if self._file is None:
                self._own = not sys.stdin.isatty()
                # Standard input may be the capture.
                self._file = os.open("/dev/tty", os.O_RDONLY) if self._own else sys.stdin.fileno()
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file, termios.TCSADRAIN)

    def stop(self) -> None:
        """Make the terminal what it was before."""
        if self._before is None or self._file is None:
            return
        import termios

        before, self._before = self._before, None
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._file, termios.TCSADRAIN, before)

    def close(self) -> None:
        """Stop reading."""
        self.stop()
        if self._own and self._file is not None:
            os.close(self._file)
        self._file, self._own = None, False

    def pressed(self) -> list[str]:
        """Return the keys since the last call: characters, or names such as "up"."""
        if self._before is None or self._file is None:
            return []
        data = self._rest
        with contextlib.suppress(OSError, ValueError):
            while len(data) < _MOST and select.select([self._file], [], [], 0)[0]:
                more = os.read(self._file, 256)
                data += more
                if len(more) < 256:
                    break
        # A key may have come in part; of what waited in vain, the end does not come any more.
        end = _whole(data)
        self._rest = b"" if data == self._rest else data[end:]
        return list(keys_of(data[:end]))


def _whole(data: bytes) -> int:
    """Return where the last whole key ends: a sequence, or a character (RFC 3629 3)."""
    begun = _BEGUN.search(data)
    if begun is not None:
        return begun.start()
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= length else len(data) - back
        if byte < 0x80:
            break
    return len(data)


def keys_of(data: bytes) -> Iterator[str]:
    """Yield the keys that the bytes of a terminal encode; unknown ones are left out."""
    at = 0
    while at < len(data):
        if data[at] == 0x1B:
            found = _SEQUENCE.match(data, at)
            assert found is not None
            at = found.end()
            name = _NAMES.get(found[0])
            if name is not None:
                yield name
            continue
        name = _NAMES.get(data[at : at + 1])
        if name is not None:
            yield name
            at += 1
            continue
        end = at
        while end < len(data) and data[end : end + 1] not in _NAMES:
            end += 1
        for character in data[at:end].decode("utf-8", "ignore"):
            if character.isprintable():
                yield character
        at = end
