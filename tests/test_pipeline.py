"""The whole way: any cut, order and damage of the input, and the sums that must tie out."""

from __future__ import annotations

import io
import random
import struct
from functools import cache
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures as files
from oracle import websocket
from oracle.stages import KEY, REQUEST, RESPONSE
from oracle.whole import Tables, differing, tables_of

import analyzer
from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.columns import NULL
from analyzer.errors import NotACaptureError
from analyzer.findings import KINDS
from analyzer.options import Options
from analyzer.tables.schema import LEDGER_PARTS, TABLES

CAPTURES = Path(__file__).parents[1] / "captures"
NAMES = sorted(
    path.relative_to(CAPTURES).as_posix()
    for folder in (CAPTURES, CAPTURES / "faults", CAPTURES / "peers")
    for path in folder.glob("*.pcap*")
)
SMALL = [name for name in NAMES if (CAPTURES / name).stat().st_size < 60_000]
TINY = sorted(SMALL, key=lambda name: (CAPTURES / name).stat().st_size)[:8:2]


@cache
def whole(name: str) -> Tables:
    return tables_of((CAPTURES / name).read_bytes(), alternatives=True)


def in_order(frame: pd.DataFrame) -> list[str]:
    """Rows as text, in an order of their own: they leave as they are complete."""
    return sorted(map(str, frame.itertuples(index=False, name=None)))


def assert_equal(tables: Tables, others: Tables) -> None:
    """Rows leave as they are complete, so their order may differ."""
    assert differing(tables, others, in_any_order=True) == []


# --- batches


@pytest.mark.parametrize("name", TINY)
def test_packets_one_by_one_change_nothing(name):
    data = (CAPTURES / name).read_bytes()
    assert_equal(tables_of(data, batch_bytes=1, alternatives=True), whole(name))


@pytest.mark.parametrize("name", SMALL)
def test_size_of_batches_changes_nothing(name):
    data = (CAPTURES / name).read_bytes()
    assert_equal(tables_of(data, batch_bytes=7 * 1024, alternatives=True), whole(name))


class Dribble(io.RawIOBase):
    """A pipe that gives as many bytes as it likes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = data
        self._sizes = sizes
        self._at = 0
        self._reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        size = min(len(view), self._sizes[self._reads % len(self._sizes)])
        part = self._data[self._at : self._at + size]
        self._reads += 1
        self._at += len(part)
        view[: len(part)] = part
        return len(part)


@settings(deadline=None, max_examples=6)
@given(st.lists(st.integers(500, 3000), min_size=1, max_size=6), st.sampled_from(SMALL))
def test_a_pipe_in_pieces_changes_nothing(sizes, name):
    data = (CAPTURES / name).read_bytes()
    collector = Collector()
    pipe = io.BufferedReader(Dribble(data, sizes))
    pipeline.run(["-"], Options(batch_bytes=512), [collector], stdin=pipe)
    assert_equal(Tables(collector), whole(name))


# --- sums


@pytest.mark.parametrize("name", NAMES)
def test_ledger_ties_out(name):
    ledger = whole(name)["ledger"]
    parts = ledger[list(LEDGER_PARTS)]
    assert (parts >= 0).all().all()
    assert (parts.sum(axis=1) == ledger["wire_bytes"]).all()
    connections = whole(name)["connections"].set_index("connection")
    of_connections = ledger.dropna(subset=["connection"])
    # What the capture holds twice is in the ledger, and no cost of the connection.
    once = of_connections["wire_bytes"] - of_connections["duplicate_bytes"]
    sums = once.groupby(of_connections["connection"]).sum()
    assert sums.to_dict() == connections["wire_bytes"].to_dict()


COSTS = ["transfer_bytes", "ws_header_bytes", "http_bytes", "tls_bytes"]
COSTS += ["packet_header_bytes", "ack_bytes", "retransmitted_bytes"]


@pytest.mark.parametrize("name", NAMES)
def test_messages_cost_no_more_than_the_ledger_has(name):
    messages, ledger = whole(name)["messages"], whole(name)["ledger"]
    assert (messages[COSTS].sum(axis=1) == messages["wire_bytes"]).all()
    assert (messages[COSTS] >= 0).all().all()
    sums = messages.groupby(["connection", "direction"], observed=True)[COSTS].sum()
    rows = ledger.dropna(subset=["connection"]).set_index(["connection", "direction"])
    for (connection, direction), cost in sums.iterrows():
        own = rows.loc[(connection, direction)]
        other = rows.loc[(connection, "server" if direction == "client" else "client")]
        headers = own["link_bytes"] + own["ip_bytes"] + own["tcp_bytes"]
        # Bytes of a message that were cut or lost are no transfer in the ledger.
        sent = own["transfer_bytes"] + own["unparsed_bytes"] + own["lost_bytes"]
        assert cost["transfer_bytes"] <= sent
        assert cost["ws_header_bytes"] <= own["ws_header_bytes"]
        assert cost["packet_header_bytes"] <= headers
        assert cost["retransmitted_bytes"] <= own["retransmitted_bytes"]
        assert cost["ack_bytes"] <= other["pure_ack_bytes"]


@pytest.mark.parametrize("name", NAMES)
def test_rows_refer_to_rows_that_exist(name):
    tables = whole(name)
    known = set(tables["connections"]["connection"])
    assert known == set(range(len(known)))
    for other in ("frames", "messages", "pings"):
        assert set(tables[other]["connection"]) <= known
    assert set(tables["handshakes"]["connection"].dropna()) <= known
    assert set(tables["findings"]["connection"].dropna()) <= known
    assert tables["handshakes"]["handshake"].tolist() == list(range(len(tables["handshakes"])))
    frames = tables["frames"]
    assert not frames.duplicated(["connection", "frame"]).any()
    assert not tables["messages"].duplicated(["connection", "message"]).any()
    assert set(tables["findings"]["id"]) <= {kind.id for kind in KINDS}


# --- order and cuts of segments

CLIENT, SERVER = 0, 1
CLIENT_FRAMES = b"".join(
    websocket.frame(1 if n % 3 else 2, b"message %d of the client" % n, mask=KEY) for n in range(9)
)
SERVER_FRAMES = b"".join(
    websocket.frame(opcode, b"%d " % n * (40 * n), fin=fin)
    for n, (opcode, fin) in enumerate([(1, True), (2, False), (0, True), (1, True)], 1)
)
SERVER_MESSAGES = [b"1 " * 40, b"2 " * 80 + b"3 " * 120, b"4 " * 160]


def packet(side: int, flags: int, seq: int, ack: int, payload: bytes, number: int) -> bytes:
    """Ethernet, IPv4 and TCP, with an identification that tells packets apart."""
    ends = [(b"\x0a\0\0\1", 40_000), (b"\x0a\0\0\2", 80)]
    (source, source_port), (target, target_port) = ends if side == CLIENT else ends[::-1]
    tcp = struct.pack(
        ">HHIIBBHHH", source_port, target_port, seq % 2**32, ack % 2**32, 0x50, flags, 65000, 0, 0
    )
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), number, 0, 64, 6, 0)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + source + target + tcp + payload


def conversation(segments: list[tuple[int, int, bytes]]) -> bytes:
    """Return a pcap: connect, handshake, then (side, offset behind the handshake, bytes)."""
    request, response = REQUEST + b"\r\n", RESPONSE + b"\r\n"
    begin = (2**32 - 200, 77)  # the client's numbers wrap
    client, server = begin[0] + 1 + len(request), begin[1] + 1 + len(response)
    steps = [
        (CLIENT, 2, begin[0], 0, b""),
        (SERVER, 18, begin[1], begin[0] + 1, b""),
        (CLIENT, 16, begin[0] + 1, begin[1] + 1, b""),
        (CLIENT, 24, begin[0] + 1, begin[1] + 1, request),
        (SERVER, 24, begin[1] + 1, client, response),
    ]
    base = (client, server)
    for side, offset, payload in segments:
        steps.append((side, 24, base[side] + offset, base[1 - side], payload))
    end = (client + len(CLIENT_FRAMES), server + len(SERVER_FRAMES))
    steps += [(CLIENT, 16, end[0], end[1], b""), (SERVER, 16, end[1], end[0], b"")]
    rows = [
        (10**18 + number * 10**6, packet(*step, number + 1)) for number, step in enumerate(steps)
    ]
    return files.pcap([(time, data, len(data)) for time, data in rows])


@st.composite
def segmentations(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Both streams cut anywhere, some pieces twice or overlapping, in another order."""
    pieces = []
    for side, stream in ((CLIENT, CLIENT_FRAMES), (SERVER, SERVER_FRAMES)):
        cuts = draw(st.lists(st.integers(1, len(stream) - 1), max_size=10, unique=True))
        bounds = [0, *sorted(cuts), len(stream)]
        for begin, end in pairwise(bounds):
            reach = min(len(stream), end + draw(st.sampled_from([0, 0, 0, 20])))
            times = draw(st.sampled_from([1, 1, 1, 2]))
            pieces += [(side, begin, stream[begin:reach])] * times
    return draw(st.permutations(pieces))


@settings(deadline=None, max_examples=25)
@given(segmentations())
def test_order_cuts_and_copies_of_segments_change_no_message(pieces):
    tables = tables_of(conversation(pieces), payload="full")
    messages = tables["messages"]
    sent = {
        side: messages[messages["direction"] == side].sort_values("message")["payload"].tolist()
        for side in ("client", "server")
    }
    assert sent["client"] == [b"message %d of the client" % n for n in range(9)]
    assert sent["server"] == SERVER_MESSAGES
    frames = tables["frames"].groupby("direction", observed=True).size().to_dict()
    assert frames == {"client": 9, "server": 4}
    ledger = tables["ledger"].set_index("direction")
    assert ledger.loc["client", "transfer_bytes"] == 9 * 23
    assert (ledger[list(LEDGER_PARTS)].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger["lost_bytes"] == 0).all()
    assert (ledger["unparsed_bytes"] == 0).all()


# --- damage


def survives(data: bytes) -> None:
    try:
        tables = tables_of(data, alternatives=True)
    except NotACaptureError:
        return
    ledger = tables["ledger"]
    assert (ledger[list(LEDGER_PARTS)].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger[list(LEDGER_PARTS)] >= 0).all().all()


@pytest.mark.parametrize("name", SMALL)
def test_mutated_captures_never_raise(name):
    randomness = random.Random(name)
    original = (CAPTURES / name).read_bytes()
    for _ in range(2):
        data = bytearray(original)
        for _ in range(randomness.choice([1, 10, 200])):
            data[randomness.randrange(24, len(data))] = randomness.randrange(256)
        survives(bytes(data))
    survives(original[: randomness.randrange(len(original))])


@pytest.mark.parametrize("name", SMALL[::3])
def test_payload_of_noise_never_raises(name):
    """Bytes changed behind the headers only: the record structure stays whole."""
    randomness = random.Random(name)
    data = bytearray((CAPTURES / name).read_bytes())
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        return
    at = 24
    while at + 16 <= len(data):
        captured = int.from_bytes(data[at + 8 : at + 12], "little")
        body = range(at + 16 + 54, min(at + 16 + captured, len(data)))
        if len(body) and randomness.random() < 0.5:
            data[randomness.choice(body)] ^= 1 << randomness.randrange(8)
        at += 16 + captured
    survives(bytes(data))


# --- the run itself


class Recorder(Collector):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")


def test_writers_are_closed_or_aborted():
    good, bad = Recorder(), Recorder()
    pipeline.run(CAPTURES / "npm-ws-basic.pcap", Options(), [good])
    assert good.calls == ["close"]
    with pytest.raises(NotACaptureError):
        pipeline.run(["-"], Options(), [bad], stdin=io.BytesIO(b"no capture at all, but a text"))
    assert bad.calls == ["abort"]


def test_progress_ends_with_all_bytes_read():
    path = CAPTURES / "npm-ws-basic.pcap"
    seen: list[tuple[int, int | None]] = []
    options = Options(batch_bytes=1000)
    pipeline.run(path, options, on_progress=lambda read, total: seen.append((read, total)))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert [read for read, _ in seen] == sorted(read for read, _ in seen)


def test_a_capture_without_packets_says_so():
    tables = tables_of(files.pcap([]))
    assert tables["findings"]["id"].tolist() == ["capture-empty"]
    summary = pipeline.run(["-"], Options(), stdin=io.BytesIO(files.pcap([])))
    assert (summary.capture.packets, summary.capture.first_time) == (0, NULL)


def test_two_files_are_one_capture(tmp_path):
    data = (CAPTURES / "npm-ws-pings.pcap").read_bytes()
    at = 24
    for _ in range(20):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")

    (tmp_path / "a.pcap").write_bytes(data[:24] + data[at:])
    (tmp_path / "b.pcap").write_bytes(data[:at])
    both = analyzer.analyze([tmp_path / "a.pcap", tmp_path / "b.pcap"])
    whole_file = whole("npm-ws-pings.pcap")
    for table in TABLES:
        assert in_order(getattr(both, table.name)) == in_order(whole_file[table.name]), table.name
