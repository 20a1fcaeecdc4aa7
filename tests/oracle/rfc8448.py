"""Traces of RFC 8448, "Example Handshake Traces for TLS 1.3", from the text file beside this."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).with_suffix(".txt")
FIFTY = bytes(range(50))
"""What both sides send as application data."""


class Trace(NamedTuple):
    turns: list[tuple[int, bytes]]
    """(side, record), in order."""
    secrets: dict[str, bytes]

    @property
    def log(self) -> str:
        """The secrets as a key log."""
        random = self.turns[0][1][11:43].hex()
        return "".join(f"{name} {random} {made.hex()}\n" for name, made in self.secrets.items())


def traces() -> dict[int, Trace]:
    """Return the traces by the number of their section."""
    found: dict[int, Trace] = {}
    for line in PATH.read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            trace = found[int(line[1])] = Trace([], {})
            continue
        if line.startswith("#"):
            continue
        name, text = line.split()
        content = bytes.fromhex(re.sub(r"\{zeros:(\d+)\}", lambda m: "00" * int(m[1]), text))
        if name in ("client", "server"):
            trace.turns.append((int(name == "server"), content))
        else:
            trace.secrets[name] = content
    return found
