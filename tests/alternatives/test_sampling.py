"""Samples of payload in gzip: sizes beside those of Python's gzip module, limits, batches."""

import gzip
import json
import random
import zlib

import numpy as np
import pandas as pd
import pytest
from oracle.chats import captured, chat, one, rows
from oracle.chats import plain as exchange
from oracle.whole import tables_of

from analyzer.alternatives.sampling import LONG, POLLS, SINGLE, STREAM, PayloadSample, gzip_size
from analyzer.analysis import Collector, to_frame
from analyzer.options import Options
from analyzer.pipeline import run
from analyzer.tables.schema import ALTERNATIVES

MS = 1_000_000
FIELD = len("Content-Encoding: gzip\r\n")
TEXTS = [json.dumps({"n": n, "user": "ada", "text": "hello world " * 40}).encode() for n in (1, 2)]


def in_gzip(*messages: bytes) -> int:
    return len(gzip.compress(b"[" + b",".join(messages) + b"]", 6, mtime=0))


def plain(*messages: bytes) -> int:
    return sum(map(len, messages)) + len(messages) + 1


def sample_of(said, *, intervals=(1000,), gap=10, mss=1448, room=1 << 20, most=1 << 20):
    """Messages as (ms, payload), or (ms, payload, packet)."""
    made = PayloadSample([each * MS for each in intervals], 0, gap * MS, mss, room, most)
    for number, (time, payload, *packet) in enumerate(said):
        at = packet[0] if packet else 10 + number
        made.take(time * MS, payload, at, at)
    return made.finish()


def test_each_message_by_itself():
    found = sample_of([(0, TEXTS[0]), (5000, TEXTS[1])])[SINGLE]
    assert found["answers"] == found["in_gzip"] == 2
    assert found["plain"] == sum(plain(each) for each in TEXTS)
    assert found["coded"] == sum(in_gzip(each) for each in TEXTS)
    assert found["sizes"].sum() == 2


def test_answers_of_polls_hold_what_came_between_two_of_them():
    """Polls of the middle phase come at 0.5 s, 1.5 s and so on."""
    said = [(0, TEXTS[0]), (400, TEXTS[1]), (1400, TEXTS[0])]
    found = sample_of(said)[POLLS]
    assert found["answers"] == 2
    assert found["coded"] == in_gzip(*TEXTS) + in_gzip(TEXTS[0])
    assert found["plain"] == plain(*TEXTS) + plain(TEXTS[0])


def test_answers_of_long_polls_hold_what_waited_for_the_next_request():
    # The first finds a request open; two come before the next arrives, 10 ms later.
    said = [(100, TEXTS[0]), (103, TEXTS[1]), (106, TEXTS[0]), (500, TEXTS[1])]
    found = sample_of(said)[LONG]
    assert found["answers"] == 3
    assert found["coded"] == in_gzip(TEXTS[0]) + in_gzip(TEXTS[1], TEXTS[0]) + in_gzip(TEXTS[1])


def test_what_only_grows_stays_plain():
    found = sample_of([(0, b"x")])
    assert found[SINGLE]["in_gzip"] == 0
    assert found[SINGLE]["coded"] == found[SINGLE]["plain"] == 3


def test_a_stream_has_one_context_and_a_flush_for_each_message():
    said = [(0, TEXTS[0]), (10, TEXTS[1]), (20, TEXTS[0], 11)]
    found = sample_of(said)[STREAM]
    context = zlib.compressobj(6, zlib.DEFLATED, -15)
    sizes = []
    for payload in (TEXTS[0], TEXTS[1], TEXTS[0]):
        piece = context.compress(payload + b"\n") + context.flush(zlib.Z_SYNC_FLUSH)
        # RFC 9112 7.1: size in hex, CRLF, data, CRLF.
        sizes.append(len(b"%x\r\n" % len(piece) + piece + b"\r\n"))
    assert sizes[2] < sizes[0] / 2
    # The last one begins in the packet that ends the one before: written together.
    assert found["answers"] == 2
    assert found["coded"] == sum(sizes)
    assert found["plain"] == sum(len(payload) + 1 for _, payload, *_ in said)


def test_a_proxy_that_buffers_deflates_what_it_passes_on():
    """One context, a flush and a chunk for each write, which ends in the midst of a message."""
    said = [(0, TEXTS[0]), (10, TEXTS[1]), (400, TEXTS[0]), (2000, b"x")]
    made = PayloadSample([], 0, MS, 1448, 1 << 20, 1 << 20, (700, 1000 * MS))
    for number, (time, payload) in enumerate(said):
        made.take(time * MS, payload, number, number)
    found = made.finish()[-1]
    whole = b"".join(payload + b"\n" for _, payload in said)
    # 1,400 bytes fill the buffer twice, with the second and the third message; what is left leaves
    # a second after its first byte; the last when the stream closes.
    last = len(whole) - 2
    context, sizes = zlib.compressobj(6, zlib.DEFLATED, -15), []
    for begin, end in ((0, 700), (700, 1400), (1400, last), (last, len(whole))):
        piece = context.compress(whole[begin:end]) + context.flush(zlib.Z_SYNC_FLUSH)
        sizes.append(len(b"%x\r\n" % len(piece) + piece + b"\r\n"))
    assert last > 1400
    assert (found["answers"], found["plain"]) == (4, len(whole))
    assert found["coded"] == sum(sizes)
    assert sample_of([]).shape == (POLLS + 1,)


def test_full_segments_are_counted_apart():
    noise = np.random.default_rng(5).integers(0, 256, 3000, np.uint8).tobytes()
    found = sample_of([(0, noise)], mss=1000)[SINGLE]
    # Noise stays plain: three segments of 1,000 bytes, and two bytes in the lowest class.
    assert (found["full_segments"], found["sizes"][0]) == (3, 1)


SAID = [(500, "server", TEXTS[0]), (4200, "server", TEXTS[1]), (5000, "client", b"d" * 50)]


@pytest.mark.parametrize("inside", [True, False])
def test_long_polls_of_a_capture(inside):
    """Two answers with a message each; the POST's body stays as it is."""
    data = captured(chat(said=SAID, end=9_999))
    row = one(data, "long-poll", inside=inside)
    saved = sum(plain(each) - in_gzip(each) - FIELD for each in TEXTS)
    assert row["content_encoding"] == "gzip"
    assert row["application_bytes"] - row["gzip_application_bytes"] == pytest.approx(saved, abs=1)
    assert row["wire_bytes"] - row["gzip_wire_bytes"] == pytest.approx(saved, abs=1)
    assert row["gzip_error_bytes"] == 0
    ours = one(data, "websocket", inside=inside)
    assert row["gzip_ratio_wire"] == pytest.approx(
        row["gzip_wire_bytes"] / ours["wire_bytes"], rel=1e-3
    )
    assert pd.isna(ours["gzip_wire_bytes"])
    assert not ours["compressed"]


def test_limits_and_others_that_take_the_mean():
    """Of three equal chats the first alone is looked at; the others take what it gave."""
    said = [*SAID, (6000, "server", bytes(range(256)) * 2)]
    chats = [chat(40_000 + n, 20_000 * n, said, 9_999) for n in range(3)]
    found = rows(captured(*chats), max_gzip_connections=1)
    held = found[found["transport"] == "long-poll"]
    assert held["gzip_application_bytes"].nunique() == 1
    assert held["gzip_error_bytes"].iloc[0] == 0
    assert (held["gzip_error_bytes"].iloc[1:] > 0).all()
    none = rows(captured(*chats), max_gzip_connections=0)
    assert none["gzip_wire_bytes"].isna().all()
    assert none["content_encoding"].isna().all()


@pytest.mark.parametrize(
    "limits",
    [
        {"max_gzip_bytes": 1},
        {"max_gzip_bytes_total": 1},
        {"max_gzip_messages": 1},
        {"max_gzip_messages_total": 1},
    ],
)
def test_a_part_of_the_payload_stands_for_the_rest(limits):
    long = [(100 * n, "server", TEXTS[n % 2]) for n in range(60)]
    whole, part = (
        one(captured(chat(said=long, end=9_999)), "sse", **some) for some in ({}, limits)
    )
    # The first message fills the context of the stream: alone it says too much.
    assert part["gzip_wire_bytes"] > whole["gzip_wire_bytes"]
    assert pd.isna(part["gzip_error_bytes"])
    assert whole["gzip_error_bytes"] == 0


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("inside", [True, False])
def test_batches_change_nothing(size, inside):
    chats = [chat(40_000 + n, 700 * n, SAID * 2, 9_999) for n in range(4)]
    limits = {"max_gzip_connections": 3, "max_gzip_bytes_total": 2500, "inside": inside}
    whole, parts = (
        tables_of(captured(*chats), **limits, batch_bytes=each, alternatives=True)["alternatives"]
        for each in (1 << 20, size)
    )
    assert whole["gzip_wire_bytes"].notna().any()
    assert whole.equals(parts)


def test_a_client_that_takes_no_gzip():
    """Real exchanges with the host say so: that is known better than by a handshake."""
    talks = [chat(said=SAID, end=9_999), exchange(41_000, 10, b"Accept-Encoding: identity\r\n")]
    assert pd.isna(one(captured(*talks), "sse")["gzip_wire_bytes"])
    talks[1] = exchange(41_000, 10, b"Accept-Encoding: gzip\r\n")
    assert one(captured(*talks), "sse")["content_encoding"] == "gzip"


@pytest.mark.parametrize("only", [[3], None])
def test_a_slot_that_was_not_compared_is_free_for_the_next_connection(tmp_path, only):
    """There is room for two connections: later ones take the slots of those that ended."""
    path = tmp_path / "four.pcap"
    talks = [chat(40_000 + n, 60_000 * n, SAID, 6_000) for n in range(4)]
    path.write_bytes(captured(*talks))
    collector = Collector()
    run(path, Options(batch_bytes=300, max_connections=2), [collector], only=only)
    found = to_frame(collector.rows(ALTERNATIVES))
    held = found[(found["transport"] == "long-poll") & (found["connection"] == 3)]
    assert held["gzip_wire_bytes"].notna().all()
    assert held["gzip_error_bytes"].tolist() == [0]


@pytest.mark.parametrize("level", [1, 4, 6, 9])
@pytest.mark.parametrize("around", [80, 1 << 9, 1 << 12, 1 << 15])
def test_a_body_by_itself_is_as_small_as_with_the_whole_window(level, around):
    text = b"".join(b'{"id":%d,"price":%d},' % (n, n * 7919 % 1013) for n in range(2000))
    noise = random.Random(around).randbytes(2 * around)
    assert gzip_size(b"", level) == len(zlib.compress(b"", level, 31))
    for size in (around - 263, around - 262, around - 261, around, around + 300):
        # Of noise only the beginning comes again: a match as far back as there is.
        for body in (text[: max(size, 1)], noise[: max(size - 40, 1)] + noise[:40]):
            assert gzip_size(body, level) == len(zlib.compress(body, level, 31))
