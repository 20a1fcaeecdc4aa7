"""What tshark says of a capture, as lists of fields."""

from __future__ import annotations

import atexit
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


class Frame(NamedTuple):
    """A WebSocket frame; `packet` is the one that completes it."""

    packet: int
    opcode: str
    fin: bool
    masking_key: str | None
    payload_bytes: int


def fields(path: Path, display_filter: str, *names: str, options: str = "") -> list[list[str]]:
    """Return the named fields of each packet that passes the filter, with a preference set."""
    # Out-of-order segments are joined only on request.
    command = ["tshark", "-n", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-Y", display_filter, "-T", "fields"]
    for name in names:
        command += ["-e", name]
    if options:
        command += ["-o", options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


class Sharkd:
    """tshark as a server, which comes with it: to start tshark takes longer than to read a capture.

    It speaks JSON-RPC 2.0, one request and one answer to a line (wiki.wireshark.org/sharkd).
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["sharkd", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        atexit.register(self.close)
        self._numbers = itertools.count(1)
        self.ask("setconf", name="tcp.reassemble_out_of_order", value="TRUE")

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.communicate()

    def ask(self, method: str, **parameters: object) -> Any:
        """Return the result of a request."""
        number = next(self._numbers)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["id"] == number
        return answer["result"]


CUT_AT = 2000
"""A column of tshark holds 2,047 characters (COL_MAX_LEN); a packet may have many frames."""


@cache
def _server() -> Sharkd:
    return Sharkd()


def fields_at_end(path: Path, display_filter: str, *names: str) -> list[list[str]]:
    """Return what fields() does, as tshark knows it when it has read the whole capture.

    What is known from a later packet on, such as tcp.analysis.initial_rtt, is in earlier ones too.
    """
    if shutil.which("sharkd") is None:
        return fields(path, display_filter, *names)
    _server().ask("load", file=str(path))
    columns = {f"column{place}": f"{name}:0" for place, name in enumerate(names)}
    rows = _server().ask("frames", filter=display_filter, **columns)
    cells = [row["c"] for row in rows]
    if any(len(cell) >= CUT_AT for row in cells for cell in row):
        return fields(path, display_filter, *names)
    return cells


FRAME_FIELDS = (
    "frame.number",
    *(f"websocket.{name}" for name in ("opcode", "fin", "mask", "masking_key", "payload_length")),
    *(f"websocket.payload_length_ext_{bits}" for bits in (16, 64)),
)


def frames(row: Sequence[str]) -> Iterator[Frame]:
    """Yield the WebSocket frames of a packet, from its FRAME_FIELDS."""
    packet, *listed = row
    opcodes, fins, masks, keys, lengths, short, long = (
        [value for value in values.split(",") if value] for values in listed
    )
    # A field that only some of the packet's frames have lists those alone.
    key, ext_16, ext_64 = iter(keys), iter(short), iter(long)
    for opcode, fin, mask, length in zip(opcodes, fins, masks, lengths, strict=True):
        size = int(length)
        if size == 126:
            size = int(next(ext_16))
        elif size == 127:
            size = int(next(ext_64))
        masking_key = next(key).replace(":", "") if mask in ("1", "True") else None
        name = OPCODES.get(int(opcode), f"reserved-{opcode}")
        yield Frame(int(packet), name, fin in ("1", "True"), masking_key, size)
