"""What the Python API takes for a capture: paths, patterns, files in memory, packets of others.

Packets may be a scapy PacketList, a reader of dpkt, or pairs of time and bytes. Knows captures.
Must not know stages. Used by analysis and iteration.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from analyzer.capture.records import RECORD, Interface, RecordBatch
from analyzer.capture.source import STDIN, open_capture
from analyzer.columns import NULL
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.options import Options

StrPath = str | os.PathLike[str]
Packets = Iterable[Any]
Source = StrPath | Sequence[StrPath] | BinaryIO | Packets
"""What can be analysed."""

ETHERNET: Final = 1
_SCAPY_LINKS: Final = {
    **{"Ether": 1, "Dot3": 1, "Loopback": 0, "IP": 101, "IPv6": 101, "CookedLinux": 113},
    **{"CookedLinuxV2": 276, "Dot11": 105, "RadioTap": 127, "PPI": 192},
}
"""First layer of a packet in scapy -> link type (tcpdump.org/linktypes.html)."""
_BATCH_PACKETS: Final = 4096
_BATCH_BYTES: Final = 1 << 20
_LONGEST: Final = 2**31 - 1

Raw = tuple[int, bytes, int, int]
"""Time in ns, bytes, original length, link type."""


def paths_of(source: object) -> list[Path] | None:
    """Return the paths that a source names, patterns filled in; None where it names none.

    Raises:
        CaptureAccessError: A pattern fits no file.
    """
    several: Any = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(several, Sequence) or isinstance(several, bytes | bytearray):
        return None
    if not all(isinstance(each, str | os.PathLike) for each in several):
        return None
    return [path for each in several for path in _expanded(os.fspath(each))]


def _expanded(name: str) -> list[Path]:
    # A file of that very name wins: brackets are legal in names.
    # Most names are of files; the characters are those of glob.has_magic.
    if not any(mark in name for mark in "*?[") or os.path.lexists(name):
        return [Path(name)]
    import glob

    found = sorted(glob.glob(name, recursive=True))
    if not found:
        raise CaptureAccessError(f"no file fits the pattern {name}")
    return [Path(each) for each in found]


def is_file(source: object) -> bool:
    """Say whether a source is an open binary file, such as BytesIO."""
    return hasattr(source, "read") and hasattr(source, "readinto")


def batches(
    source: object, options: Options, link_type: int = ETHERNET
) -> Generator[RecordBatch, None, None]:
    """Yield the packets of any source as the stages take them.

    Args:
        source: see Source.
        options: limits.
        link_type: of packets that are pairs of time and bytes.

    Raises:
        CaptureError: A file cannot be read at all.
        OptionError: It is no source.
    """
    paths = paths_of(source)
    if paths is not None:
        yield from open_capture(paths, options)
    elif is_file(source):
        yield from open_capture(STDIN, options, stdin=cast("BinaryIO", source))
    else:
        yield from _batched(packets_of(source, link_type))


@contextlib.contextmanager
def as_paths(source: object, link_type: int = ETHERNET) -> Iterator[tuple[list[Path], Any]]:
    """Yield paths that hold what a source does, and what "-" among them reads.

    Packets are written to a temporary file, so that they can be read twice.
    """
    paths = paths_of(source)
    if paths is not None:
        yield paths, None
        return
    if is_file(source):
        yield [Path(STDIN)], source
        return
    import tempfile

    from analyzer.capture.pcapng_blocks import interface, packet, section

    with tempfile.TemporaryDirectory(prefix="wsanalyze-") as folder:
        path = Path(folder) / "packets.pcapng"
        with path.open("wb") as file:
            file.write(section())
            numbers: dict[int, int] = {}
            for time, data, original, kind in packets_of(source, link_type):
                if kind not in numbers:
                    numbers[kind] = len(numbers)
                    file.write(interface(Interface(kind, 0)))
                file.write(packet(numbers[kind], time, original, data, []))
        yield [path], None


def packets_of(source: object, link_type: int = ETHERNET) -> Iterator[Raw]:
    """Yield packets of scapy, dpkt, or pairs of time in seconds and bytes.

    Raises:
        OptionError: It is none of these.
    """
    if not isinstance(source, Iterable):
        raise OptionError(
            f"{type(source).__name__} is no source of packets",
            hint="give paths, an open binary file, scapy packets, a dpkt reader, or (time, bytes)",
        )
    if callable(getattr(source, "datalink", None)):  # a reader of dpkt knows it
        link_type = int(source.datalink())  # type: ignore[attr-defined]
    for each in source:
        if hasattr(each, "time") and hasattr(each, "layers"):
            yield _from_scapy(each)
            continue
        try:
            time, data = each
            content = bytes(memoryview(data))
        except (TypeError, ValueError):
            raise OptionError(
                f"a packet is a pair of time and bytes, not {type(each).__name__}"
            ) from None
        yield nanoseconds(time), content, len(content), link_type


def _from_scapy(packet: Any) -> Raw:
    data = bytes(packet.original) if getattr(packet, "original", b"") else bytes(packet)
    link_type = _SCAPY_LINKS.get(type(packet).__name__, ETHERNET)
    original = max(int(getattr(packet, "wirelen", None) or 0), len(data))
    return nanoseconds(packet.time), data, original, link_type


def nanoseconds(seconds: Any) -> int:
    """Return seconds since 1970 as nanoseconds; a Decimal keeps all its digits.

    Raises:
        OptionError: It is no number.
    """
    try:
        if isinstance(seconds, float):
            whole, part = divmod(seconds, 1)
            return int(whole) * 1_000_000_000 + round(part * 1e9)
        from decimal import Decimal

        return int(Decimal(str(seconds)) * 1_000_000_000)
    except (ArithmeticError, ValueError, TypeError):
        raise OptionError(f"the time of a packet is seconds, not {seconds!r}") from None


def _batched(packets: Iterable[Raw]) -> Iterator[RecordBatch]:
    waiting: list[Raw] = []
    size = number = 0
    for each in packets:
        waiting.append(each)
        size += len(each[1])
        if len(waiting) >= _BATCH_PACKETS or size >= _BATCH_BYTES:
            yield _batch(waiting, size, number)
            number += len(waiting)
            waiting, size = [], 0
    if waiting:
        yield _batch(waiting, size, number)


def _batch(packets: list[Raw], size: int, before: int) -> RecordBatch:
    rows = np.zeros(len(packets), RECORD)
    data = np.empty(size + size // 4 + 4096, np.uint8)
    at = 0
    for place, (time, content, original, link_type) in enumerate(packets):
        data[at : at + len(content)] = np.frombuffer(content, np.uint8)
        moment = time if abs(time) < 2**62 else NULL
        length = min(original, _LONGEST)
        rows[place] = (before + place + 1, moment, at, len(content), length, link_type, 0)
        at += len(content)
    return RecordBatch(rows, data, at)


def check_readable(paths: Sequence[Path], options: Options) -> None:
    """Raise at once what reading B would raise when A is done.

    Of what is no file or folder (a pipe) nothing may be read twice.
    """
    from analyzer.capture.source import open_capture

    if not any(_is_pipe(path) for path in paths):
        open_capture(paths, options).close()


def _is_pipe(path: Path) -> bool:
    if str(path) == STDIN:
        return True
    # os.path answers False where Path raises: names of files may hold anything.
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
