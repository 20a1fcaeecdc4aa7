"""Captures that hold their own keys: a Decryption Secrets Block (DSB) of pcapng, in three places.

editcap puts the key log of wss-tls13.pcap into a copy of it, before the packets; here the block
is moved amid the packets and after them, where a program finds it that writes the key log
after the fact. The same input gives the same files.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from pathlib import Path

import recording
from asked import asked

SOURCE = "wss-tls13"
DSB, PACKET = 10, 6
NOTES = {
    "head": "it decrypts with the keys inside without being told; `tshark` is counted without TLS",
    "middle": "it decrypts only from the block on (12 of 24 frames), even in two passes;"
    " `tshark_decrypted` is counted with wss-tls13.keys",
    "tail": "it decrypts nothing, even in two passes; `tshark_decrypted` is counted with"
    " wss-tls13.keys",
}


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Type and bytes of each block of a little-endian pcapng."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        found.append((kind, data[at : at + length]))
        at += length
    return found


def moved(data: bytes, place: str) -> bytes:
    """The file with its secrets before, amid or after its packets."""
    listed = blocks(data)
    secrets = [block for kind, block in listed if kind == DSB]
    packets = [block for kind, block in listed if kind == PACKET]
    head = [block for kind, block in listed if kind not in (DSB, PACKET)]
    assert len(secrets) == 1
    spot = {"head": 0, "middle": len(packets) // 2, "tail": len(packets)}[place]
    return b"".join([*head, *packets[:spot], *secrets, *packets[spot:]])


def main() -> None:
    asked(__doc__)
    source = recording.CAPTURES / f"{SOURCE}.pcap"
    keys = source.with_suffix(".keys")
    log = recording.LOGS / f"{SOURCE}.jsonl"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    programs = json.loads(recording.MANIFEST.read_text())[source.name]["programs"]
    version = recording.program_version("editcap", "--version").split("(")[0].strip()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "injected.pcapng"
        command = ["editcap", "--inject-secrets", f"tls,{keys}", str(source), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        injected = recording.without_machine(path.read_bytes())
        for place, note in NOTES.items():
            path = Path(folder) / f"wss-embedded-{place}.pcapng"
            path.write_bytes(moved(injected, place))
            words = {"head": "before", "middle": "amid", "tail": "behind"}
            recording.publish(
                path,
                path.name,
                description=f"wss-tls13 with its keys inside, {words[place]} the packets (DSB)",
                generator="embedded_keys.py",
                programs=[*programs, version],
                events=events,
                keys=keys,
                embedded=True,
                tshark_notes=note,
            )


if __name__ == "__main__":
    main()
