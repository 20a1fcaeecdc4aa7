"""Keys of the terminal while a report is on it, without waiting for any.

Knows termios. Must not know what keys mean. Where there is no terminal to read from, there are
no keys. Used by report.live_view.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, Final

_NAMES: Final = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
}
_LONGEST: Final = max(map(len, _NAMES))


class Keyboard:
    """Reads single keys of the terminal: of standard input, else of /dev/tty."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._own = False
        self._before: Any = None

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
        data = b""
        with contextlib.suppress(OSError, ValueError):
            while select.select([self._file], [], [], 0)[0]:
                more = os.read(self._file, 256)
                data += more
                if len(more) < 256:
                    break
        return list(keys_of(data))


def keys_of(data: bytes) -> Iterator[str]:
    """Yield the keys that the bytes of a terminal encode."""
    at = 0
    while at < len(data):
        for length in range(min(_LONGEST, len(data) - at), 0, -1):
            name = _NAMES.get(data[at : at + length])
            if name is not None:
                yield name
                at += length
                break
        else:
            if 0x20 <= data[at] < 0x7F:
                yield chr(data[at])
            at += 1
