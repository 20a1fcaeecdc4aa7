"""A byte-by-byte oracle of TCP streams, and a builder of SEGMENT batches.

The oracle keeps a dictionary {stream offset: byte} per direction: the first byte seen of
each place counts. It knows nothing of rows, holding or verdicts.
"""

from collections import defaultdict

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.columns import empty
from analyzer.options import Options
from analyzer.packets.segments import SEGMENT, SegmentBatch
from analyzer.tcp import bytestream as bs
from analyzer.tcp.reassembly import Reassembler

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = 0x0A000001, 0x0A000002
LINK, IP, TCP = 14, 20, 32
HEADER = LINK + IP + TCP


def segment(
    side,
    seq,
    payload=b"",
    *,
    ack=None,
    flags=None,
    port=40000,
    captured=None,
    identity=None,
    strong=1,
    time=None,
    window=1000,
    mss=0,
    twice=(0, 0),
):
    """Return a segment of side 0 (CLIENT:port) or side 1 (SERVER:80) as a dict."""
    if flags is None:
        flags = PSH if payload else 0
        flags |= 0 if ack is None else ACK
    return locals()


def cut(segments, sizes):
    """Return `segments` in batches of the given sizes, the rest in one."""
    rest = list(enumerate(segments, 1))
    batches = []
    for size in [*sizes, len(rest)]:
        batches.append(make_batch(rest[:size]))
        rest = rest[size:]
    return batches


def make_batch(numbered):
    """Return a SegmentBatch of (packet number, segment) pairs."""
    rows = empty(SEGMENT, len(numbered))
    data = bytearray()
    for row, (number, given) in zip(rows, numbered, strict=True):
        captured = len(given["payload"]) if given["captured"] is None else given["captured"]
        ends = [(0xFFFF00000000 | CLIENT, given["port"]), (0xFFFF00000000 | SERVER, 80)]
        source, destination = ends if given["side"] == 0 else ends[::-1]
        row["packet"] = number
        row["time"] = number * 1_000_000 if given["time"] is None else given["time"]
        row["source_low"], row["source_port"] = source
        row["destination_low"], row["destination_port"] = destination
        identity = number if given["identity"] is None else given["identity"]
        row["identity"] = identity * 0x9E3779B97F4A7C15 % 2**64
        row["start"] = len(data)
        row["captured"] = captured
        row["length"] = len(given["payload"])
        row["link_bytes"], row["ip_bytes"], row["tcp_bytes"] = LINK, IP, TCP
        row["seq"] = given["seq"] % 2**32
        row["ack"] = (given["ack"] or 0) % 2**32
        row["flags"] = given["flags"]
        row["window"] = given["window"]
        row["mss"] = given["mss"]
        row["window_scale"] = -1
        row["version"] = 4
        row["strong_identity"] = given["strong"]
        row["twice"], row["twice_bytes"] = given["twice"][0] % 2**32, given["twice"][1]
        data += given["payload"][:captured]
    buffer = np.frombuffer(bytes(data), np.uint8).copy()
    return SegmentBatch(records=RecordBatch(data=buffer, used=len(buffer)), rows=rows)


class Outcome:
    """Everything that a Reassembler gave, with streams by (tcp_stream, side)."""

    def __init__(self, segments, sizes=(), **options):
        self.rows = []
        self._of = defaultdict(list)
        self.findings = []
        self.opened = []
        self.ended = []
        self.connections = {}
        self.directions = {}
        stage = Reassembler(Options(**options))
        for batch in cut(segments, sizes):
            self._take(stage.push(batch))
        self._take(stage.finish())

    def _take(self, batch):
        streams = batch.connections["tcp_stream"]
        for row in batch.rows.tolist():
            values = dict(zip(batch.rows.dtype.names, row, strict=True))
            values["stream"] = int(streams[values["direction"] >> 1])
            values["side"] = values.pop("direction") & 1
            start = values.pop("start")
            if values["kind"] == bs.DATA:
                values["data"] = bytes(batch.records.data[start : start + values["length"]])
            self.rows.append(values)
            self._of[values["stream"], values["side"]].append(values)
        for found in batch.findings:
            stream = int(streams[found.slot]) if found.slot >= 0 else -1
            self.findings.append((found.kind.id, stream, found.packet, str(found.detail)))
        self.opened += [int(streams[slot]) for slot in batch.opened]
        for slot in batch.ended:
            stream = int(streams[slot])
            self.ended.append(stream)
            self.connections[stream] = batch.connections[slot].copy()
            for side in (0, 1):
                self.directions[stream, side] = batch.directions[2 * slot + side].copy()

    def of(self, side, stream=0):
        return self._of[stream, side]

    def kinds(self, side, stream=0):
        return [row["kind"] for row in self.of(side, stream)]

    def stream(self, side, stream=0):
        """Return the stream's bytes; None stands for each byte of a gap."""
        content = []
        for row in self.of(side, stream):
            if row["kind"] in (bs.DATA, bs.GAP_LOST, bs.GAP_CUT):
                assert row["offset"] == len(content)
                content += row.get("data") or [None] * row["length"]
        return content

    def ids(self):
        return [found[0] for found in self.findings]

    def check(self):
        """Assert what rows promise, whatever the traffic."""
        packets = {}
        for key, total in self.directions.items():
            if self.ended.count(key[0]) > 1:
                continue  # split where its numbers jumped: the totals are those of the last part
            rows = self.of(key[1], key[0])
            assert sum(row["wire"] for row in rows) == total["wire_bytes"]
            assert total["wire_bytes"] == sum(
                total[f"{name}_bytes"]
                for name in ("link", "ip", "tcp", "duplicate", "retransmitted", "stream")
            )
            self._check_sums(rows, total)
            place = 0
            for row in rows:
                if row["kind"] in (bs.DATA, bs.GAP_LOST, bs.GAP_CUT):
                    assert row["offset"] == place
                    place += row["length"]
                if row["kind"] in (bs.DATA, bs.GAP_CUT, bs.RETRANSMISSION):
                    packets.setdefault(row["packet"], []).append(row)
                if row["kind"] in (bs.PURE, bs.FIN, bs.RESET) and row["payload"]:
                    assert row["header_bytes"] == 0
        for rows in packets.values():
            rows.sort(key=lambda row: row["into"])
            assert [row["into"] for row in rows] == [
                sum(row["length"] for row in rows[:i]) for i in range(len(rows))
            ]
            assert sum(row["length"] for row in rows) == rows[0]["payload"]
            assert {row["header_bytes"] for row in rows} == {rows[0]["header_bytes"]}

    @staticmethod
    def _check_sums(rows, total):
        def lengths(*kinds):
            return sum(row["length"] for row in rows if row["kind"] in kinds)

        assert lengths(bs.DATA, bs.GAP_CUT) == total["stream_bytes"]
        assert lengths(bs.GAP_CUT) == total["cut_bytes"]
        # A direction of which nothing was captured has no rows, not even for what it lacks.
        if total["packets"]:
            assert lengths(bs.GAP_LOST) == total["lost_bytes"]
        assert lengths(bs.RETRANSMISSION) == total["retransmitted_bytes"]


def first_bytes(segments, base):
    """Return {offset: byte, None where cut} of one direction, the first seen counting."""
    seen = {}
    for given in segments:
        captured = len(given["payload"]) if given["captured"] is None else given["captured"]
        for i, byte in enumerate(given["payload"]):
            seen.setdefault(given["seq"] - base + i, byte if i < captured else None)
    return seen
