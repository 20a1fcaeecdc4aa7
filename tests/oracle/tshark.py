"""What tshark says of a capture, as lists of fields."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

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
