"""--pcapng: the packets of chosen connections in a new file, with comments, and keys if wanted.

A Writer: it learns from the rows which connections were chosen and what is to be said of which
packet, and reads the input again when all rows are there. Knows files, packets and rows. Must not
know how rows are made. Made by the command line.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.recorded import TABLES, Facts, packed
from analyzer.capture import pcapng_blocks as blocks
from analyzer.capture._blocks import fill
from analyzer.capture.pcapng import ANONYMIZED
from analyzer.capture.records import RecordBatch
from analyzer.capture.source import STDIN, Source, open_capture
from analyzer.columns import NULL, Bytes, Rows
from analyzer.errors import CaptureError, OptionError, ReportError
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SegmentBatch
from analyzer.report.output import PendingFile, report_errors
from analyzer.share.comments import Comments
from analyzer.share.flows import Flow, Flows, FragmentLog, Numbers, directions_of, ended_flows
from analyzer.tables.schema import TableRows
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tcp.reassembly import Reassembler
from analyzer.tls.keeping import source_name
from analyzer.tls.key_files import read_key_logs
from analyzer.tls.keylog import KeyRing

if TYPE_CHECKING:
    from analyzer.share.anonymize.content import FalseContent
    from analyzer.share.anonymize.packets import FalsePackets
    from analyzer.share.session_keys import UsedKeys

_CARRIERS: Final = frozenset({"connections", "handshakes", "http", "tls_sessions"})
"""Tables whose rows choose TCP connections."""
MAX_ATTEMPTS: Final = 65_536
"""Connects without payload that are kept with their server's connections, the first ones."""
_OUT_BYTES: Final = 1 << 20
_NO_LIMIT: Final = 1 << 62

_Server = tuple[int, int, int]


class PcapngWriter:
    """Writes a capture of the connections whose rows it gets.

    Args:
        target: the new file.
        inputs: what was analysed; read twice more when the rows are there.
        options: of the analysis.
        everything: no connections were chosen: failed connects to their servers and name
            look-ups are kept as well.
        embed_keys: the TLS secrets in use go into a Decryption Secrets Block.
        anonymize: addresses, names and payload are replaced (share.anonymize).

    Raises:
        OptionError: An input cannot be read twice, or is the target.
        ReportError: The target cannot be written.
    """

    def __init__(
        self,
        target: Path,
        inputs: Sequence[Path],
        options: Options,
        *,
        everything: bool = True,
        embed_keys: bool = False,
        anonymize: bool = False,
    ) -> None:
        if anonymize and embed_keys:
            raise OptionError("--embed-keys gives away what --anonymize takes out")
        for path in inputs:
            _check_input(path, target)
        self._pending = PendingFile(target)
        self._inputs = list(inputs)
        self._options = options
        self._everything = everything
        self._embed_keys = embed_keys
        self._chosen: set[int] = set()
        self._false: _False | None = _False(options) if anonymize else None
        self._comments = Comments(names=not anonymize)
        self._over = False
        self.packets = 0
        """How many were written."""
        self.left_out = 0
        """Packets of chosen connections that could not be anonymized."""

    def write(self, rows: TableRows) -> None:
        """Note which connections are chosen, and what rows say of packets (Writer)."""
        if self._false is not None:
            self._false.take(rows)
        if rows.table.name in _CARRIERS:
            streams: npt.NDArray[np.int64] = np.asarray(rows.values["tcp_stream"])
            self._chosen.update(streams[streams != NULL].tolist())
        with report_errors("a temporary file"):
            self._comments.take(rows)

    def close(self) -> None:
        """Read the input again, write the file and put it in place (Writer).

        Raises:
            ReportError: It cannot be written, or an input cannot be read any more.
        """
        if self._over:
            return
        try:
            with report_errors(self._pending.target):
                self._comments.settle()
                self._write(self._pending.file)
        except CaptureError as error:
            raise ReportError(f"cannot read the packets again: {error}") from error
        self._pending.finish()
        self._pending.commit()
        self._over = True
        self._forget()

    def abort(self) -> None:
        """Remove what was written (Writer)."""
        if not self._over:
            self._over = True
            self._pending.discard()
        self._forget()

    def _forget(self) -> None:
        self._comments.close()
        if self._false is not None:
            self._false.close()

    # --- readings

    def _write(self, file: IO[bytes]) -> None:
        flows, fragments = self._find_flows()
        if self._false is not None:
            look_ups = self._everything
            self._false.read(self._inputs, flows, fragments.of(flows), look_ups=look_ups)
            file.write(blocks.section(self._false.said, self._false.figures()))
            if self._false.keys:
                file.write(blocks.secrets(self._false.keys))
        else:
            file.write(blocks.section())
        if self._embed_keys:
            keys = self._used_keys(flows)
            if keys:
                file.write(blocks.secrets(keys))
        self._copy(file, flows, fragments)

    def _segments(self, source: Source, decoder: PacketDecoder) -> Iterator[SegmentBatch]:
        for records in source:
            yield decoder.push(records)

    def _find_flows(self) -> tuple[Flows, FragmentLog]:
        """Read the input for the addresses and packets of the chosen connections."""
        tcp = Reassembler(self._options)
        decoder = PacketDecoder(self._options)
        fragments = FragmentLog(decoder)
        choice = _Choice(self._chosen, attempts=self._everything)
        for segments in self._segments(open_capture(self._inputs, self._options), decoder):
            fragments.settle(segments.rows)
            if self._false is not None:
                self._false.learn(segments.records)
            choice.take(tcp.push(segments))
        choice.take(tcp.finish())
        return Flows(choice.flows()), fragments

    def _used_keys(self, flows: Flows) -> bytes:
        from analyzer.share.session_keys import UsedKeys

        used: UsedKeys = UsedKeys(self._options)
        decoder = PacketDecoder(self._options)
        for segments in self._segments(open_capture(self._inputs, self._options), decoder):
            segments.rows = segments.rows[directions_of(segments, flows) >= 0]
            used.push(segments)
        return used.finish()

    def _copy(self, file: IO[bytes], flows: Flows, fragments: FragmentLog) -> None:
        decoder = PacketDecoder(self._options)
        source = open_capture(self._inputs, self._options)
        out = _Blocks(file, source, self._comments, described=self._false is None)
        parts = fragments.of(flows)
        for segments in self._segments(source, decoder):
            rows = segments.records.rows
            packets = rows["packet"]
            kept = np.zeros(len(rows), bool)
            directions = directions_of(segments, flows)
            chosen = segments.rows["packet"][directions >= 0]
            if self._false is not None:
                written = self._false.rewrite(segments, directions)
                kept[np.searchsorted(packets, written)] = True
                self.left_out += len(chosen) - len(written)
                out.write(segments.records, kept)
                continue
            kept[np.searchsorted(packets, chosen)] = True
            if len(parts):
                kept |= np.isin(packets, parts)
            if self._everything and segments.datagrams:
                kept |= np.isin(packets, [each.packet for each in segments.datagrams])
            out.write(segments.records, kept)
        self.packets = out.packets


def _check_input(path: Path, target: Path) -> None:
    if str(path) == STDIN:
        raise OptionError(
            "--pcapng reads the input a second time, which standard input cannot be",
            hint="save it to a file first",
        )
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise OptionError(
            f"--pcapng reads the input a second time, and {path} is no plain file",
            hint="save it to a file first",
        )
    with contextlib.suppress(OSError):
        if os.path.isfile(path) and os.path.samefile(path, target):
            raise OptionError(f"--pcapng would replace its input, {path}")


class _Choice:
    """Gathers the flows of the chosen connections, and of failed connects to their servers."""

    def __init__(self, streams: set[int], *, attempts: bool) -> None:
        self._streams = streams
        self._with_attempts = attempts
        self._flows: list[Flow] = []
        self._servers: set[_Server] = set()
        self._attempts: list[tuple[_Server, Flow, Flow]] = []

    def take(self, stream: StreamBatch) -> None:
        for row, payload, *both in ended_flows(stream):
            server = (row.high1, row.low1, row.port1)
            if row.tcp_stream in self._streams:
                self._flows += both
                self._servers.add(server)
            elif self._with_attempts and not payload and len(self._attempts) < MAX_ATTEMPTS:
                self._attempts.append((server, both[0], both[1]))

    def flows(self) -> list[Flow]:
        for server, one, other in self._attempts:
            if server in self._servers:
                self._flows += (one, other)
        return self._flows


class _False:
    """The false names of one file: a reading for what streams hold, then packet by packet."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._content: FalseContent | None = None
        self._packets: FalsePackets | None = None
        self.said = ""
        self.keys = b""
        """Key log of TLS records that were encrypted anew."""
        self._ring = KeyRing(options)
        self._compared: list[TableRows] = []
        self._numbers: set[int] = set()
        # Of the packets that will be written.
        self._packets_kept = self._wire_bytes = 0
        self._first = self._last = NULL
        self._left: Counter[str] = Counter()

    def take(self, rows: TableRows) -> None:
        """Keep what depends on what was said, to go into the file as numbers."""
        if rows.table.name in TABLES:
            self._compared.append(rows)
        elif rows.table.name == "connections":
            self._numbers.update(np.asarray(rows.values["connection"], np.int64).tolist())

    def learn(self, records: RecordBatch) -> None:
        """Take keys that the input has with it."""
        for packet, lines in records.secrets:
            self._ring.add(lines, source_name(packet))
            self._ring.finish(source_name(packet))

    def figures(self) -> bytes:
        """Return the comparison with other transports as it is of the original."""
        facts = Facts(
            self._packets_kept, self._wire_bytes, self._first, self._last, len(self._numbers)
        )
        numbers = {number: place for place, number in enumerate(sorted(self._numbers))}
        return packed(self._compared, facts, self._options, numbers)

    def read(
        self, inputs: Sequence[Path], flows: Flows, fragments: Numbers, *, look_ups: bool
    ) -> None:
        """Read what streams hold, and count what is left out.

        Args:
            inputs: the captures.
            flows: of the chosen connections.
            fragments: packets of theirs that are IP fragments.
            look_ups: whether name look-ups would be kept as well.
        """
        from analyzer.share.anonymize.content import FalseContent
        from analyzer.share.anonymize.packets import FalsePackets
        from analyzer.share.anonymize.stream import File

        keys = self._options.keys
        paths = (keys,) if isinstance(keys, str | os.PathLike) else keys
        read_key_logs(paths, self._options, self._ring)
        file = File(os.urandom(32), self._options, self._ring)
        content = self._content = FalseContent(file, flows)
        decoder, tcp = PacketDecoder(self._options), Reassembler(self._options)
        for records in open_capture(inputs, self._options):
            segments = decoder.push(records)
            self._count(segments, directions_of(segments, flows))
            if look_ups:
                self._left["name look-ups"] += len({each.packet for each in segments.datagrams})
            content.push(segments, tcp.push(segments))
        self._left["IP fragments"] = len(fragments)
        content.push(SegmentBatch(RecordBatch()), tcp.finish())
        self.keys = content.keys()
        self._packets = FalsePackets(content)
        found = content.overwritten
        self.said = (
            f"{ANONYMIZED} addresses, names and payload are false; overwritten: "
            f"{found['compressed']} bytes of compressed messages, {found['encrypted']} of TLS "
            f"records, {found['other']} of other protocols"
        )
        if found["sealed"]:
            self.said += f"; encrypted anew with keys of this file: {found['sealed']} TLS sessions"
        if found["given_up"]:
            self.said += f"; waited for too long, and are noise: {found['given_up']} directions"
        left = ", ".join(f"{count} {what}" for what, count in self._left.items() if count)
        self.said += f"; left out: {left}" if left else ""

    def _count(self, segments: SegmentBatch, directions: Numbers) -> None:
        """Count packets: those that will be written, and those of which headers are not known."""
        from analyzer.share.anonymize.packets import headers_below

        kept = []
        for at, record in self._chosen(segments, directions):
            row, data = segments.rows[at], segments.records.data
            begin, captured, _ = record
            if headers_below(data, record, row) is not None:
                kept.append(int(row["packet"]))
            elif begin <= int(row["start"]) <= begin + captured:
                self._left["packets with other headers below IP"] += 1
        if not kept:
            return
        records = segments.records.rows
        rows = records[np.searchsorted(records["packet"], np.unique(kept))]
        self._packets_kept += len(rows)
        self._wire_bytes += int(rows["original"].sum())
        times = rows["time"][rows["time"] != NULL].tolist()
        if times:
            first = [each for each in (self._first, min(times)) if each != NULL]
            self._first, self._last = min(first), max(self._last, *times)

    def _chosen(
        self, segments: SegmentBatch, directions: Numbers
    ) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the place of each chosen segment, and its record."""
        records = segments.records
        chosen = np.flatnonzero(directions >= 0)
        places = np.searchsorted(records.rows["packet"], segments.rows["packet"][chosen])
        columns = [records.rows[name][places].tolist() for name in _RECORD_FIELDS]
        yield from zip(chosen.tolist(), zip(*columns, strict=True), strict=True)

    def rewrite(self, segments: SegmentBatch, directions: Numbers) -> Numbers:
        """Rewrite the packets of chosen segments in place; return which may be written."""
        assert self._packets is not None
        data = segments.records.data
        written = [
            int(segments.rows["packet"][at])
            for at, record in self._chosen(segments, directions)
            if self._packets.rewrite(data, record, segments.rows[at], int(directions[at]))
        ]
        return np.array(written, np.int64)

    def close(self) -> None:
        if self._content is not None:
            self._content.close()


_RECORD_FIELDS: Final = ("start", "captured", "link_type")


class _Blocks:
    """Writes packets with their interfaces and comments."""

    def __init__(
        self, file: IO[bytes], source: Source, comments: Comments, *, described: bool
    ) -> None:
        self._file = file
        self._described = described
        self._source = source
        self._comments = comments
        self._numbers: dict[int, int] = {}
        self._out: Bytes = np.empty(_OUT_BYTES, np.uint8)
        self.packets = 0

    def write(self, records: RecordBatch, kept: npt.NDArray[np.bool_]) -> None:
        """Write those packets of a batch that are kept."""
        rows = records.rows[kept]
        if not len(rows):
            return
        numbers = self._interfaces(rows["interface"])
        packets = rows["packet"]
        commented = self._comments.packets(int(packets[0]), int(packets[-1]))
        places = np.flatnonzero(np.isin(packets, list(commented))).tolist()
        at = 0
        for place in [*places, len(rows)]:
            self._plain(records.data, rows[at:place], numbers[at:place])
            if place < len(rows):
                self._commented(records.data, rows[place], int(numbers[place]))
            at = place + 1

    def _interfaces(self, used: npt.NDArray[np.int32]) -> npt.NDArray[np.uint32]:
        """Return the number of each row's interface in the new file; describe new ones."""
        unique, places = np.unique(used, return_inverse=True)
        for each in unique.tolist():
            if each not in self._numbers:
                known = self._source.interfaces[each]
                if not self._described:
                    known = known._replace(name=b"", description=b"")
                self._file.write(blocks.interface(known))
                self._numbers[each] = len(self._numbers)
        return np.array([self._numbers[each] for each in unique.tolist()], np.uint32)[places]

    def _plain(self, data: Bytes, rows: Rows, numbers: npt.NDArray[np.uint32]) -> None:
        row = 0
        while row < len(rows):
            longest = 64 + int(rows["captured"][row])
            if longest > len(self._out):
                self._out = np.empty(longest, np.uint8)
            row, used = fill(data, rows.view(np.recarray), numbers, row, self._out, _NO_LIMIT)
            self._file.write(self._out[:used].data)
        self.packets += len(rows)

    def _commented(self, data: Bytes, row: np.void, number: int) -> None:
        packet, time, start, captured, original = row.tolist()[:5]
        self.packets += 1
        said = self._comments.at(packet)
        if packet != self.packets:
            said.append(f"packet {packet} of the original")
        content = data[start : start + captured].tobytes()
        self._file.write(blocks.packet(number, time, original, content, said))
