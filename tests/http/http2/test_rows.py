"""Rows that hold parts of frames, or nothing: cut headers, gaps, cut packets."""

import struct
from pathlib import Path

import pytest
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Talk, capture, segments
from oracle.mutations import packets_of
from oracle.websocket import frame
from oracle.whole import assert_ties_out, grave, said, tables_of

CAPTURES = Path(__file__).parents[3] / "captures"


def long_message():
    talk = Talk()
    talk.open(1)
    talk.frame(SERVER, 1, 2, b"a" * 6000)
    talk.frame(SERVER, 1, 2, b"after")
    return talk


def test_a_gap_inside_a_data_frame():
    packets = segments(long_message().steps)
    inside = [at for at, (_, packet, _) in enumerate(packets) if packet.endswith(b"a" * 1448)]
    del packets[inside[1]]
    tables = tables_of(pcap(packets, nanoseconds=True), payload="full")
    assert said(tables)["server"][-1] == ("binary", b"after")
    assert tables["frames"]["payload_bytes"].tolist()[:1] == [6000]
    assert "websocket-payload-lost" in grave(tables)
    assert "http2-lost" not in grave(tables)
    assert tables["connections"]["lost_bytes"].tolist() == [1448]
    rows = tables["ledger"].set_index(["connection", "direction"])
    assert rows.loc[(0, "server"), "lost_bytes"] == 1448
    assert_ties_out(tables)


def test_packets_cut_by_the_snap_length():
    packets = [(time, packet[:300], size) for time, packet, size in segments(long_message().steps)]
    tables = tables_of(pcap(packets, nanoseconds=True))
    assert tables["frames"]["payload_bytes"].tolist() == [6000, 5]
    assert_ties_out(tables)
    total = tables["ledger"].sum(numeric_only=True)
    assert total["unparsed_bytes"] > 4000


def test_rows_of_one_byte():
    talk = long_message()
    tables = tables_of(capture(talk.steps, 1), payload="full")
    assert [len(payload) for _, payload in said(tables)["server"]] == [6000, 5]
    (first, second) = tables["messages"].itertuples()
    # Each byte is a packet of its own; the ACKs come at the end of each step.
    assert first.http_bytes == 9
    assert first.packet_header_bytes == 54 * (9 + 4 + 6000)
    assert second.packet_header_bytes == 54 * (9 + 2 + 5)
    assert_ties_out(tables)


def test_a_lost_head_in_one_direction_says_so_once():
    talk = Talk()
    for stream in (1, 3, 5, 7):
        talk.request(stream, path=f"/{stream}", x_own=str(stream))
        talk.answer(stream, b"ok")
    packets = segments(talk.steps)
    first = next(at for at, (_, packet, _) in enumerate(packets) if packet[57:58] == b"\1")
    del packets[first]
    tables = tables_of(pcap(packets, nanoseconds=True))
    told = tables["findings"].set_index("id")["count"]
    assert told["http2-lost"] == 1
    assert told["http2-heads-unknown"] == 1
    assert tables["http"]["status"].tolist() == [200] * 4
    assert_ties_out(tables)


def test_bytes_that_are_no_frames_are_no_ones():
    talk = Talk()
    talk.open(1)
    talk.frame(CLIENT, 1, 1, b"x")
    talk.steps.append((CLIENT, bytes(range(1, 200)) * 20))
    tables = tables_of(capture(talk.steps))
    # Nobody is blamed: nothing shows that the length in them is one.
    assert {"http2-lost"} <= grave(tables)
    assert "http2-malformed" not in grave(tables)
    assert_ties_out(tables)


def too_long(rest, sizes=(7, 61)):
    talk = Talk()
    talk.open(1)
    talk.frame(SERVER, 1, 1, b"x")
    content = frame(2, b"y" * 20_000)
    talk.steps.append((SERVER, header(len(content), 0, 0, 1) + content))
    talk.steps.extend(rest)
    for mss in sizes:
        assert_ties_out(tables_of(capture(talk.steps, mss)))
    tables = tables_of(capture(talk.steps))
    assert_ties_out(tables)
    return tables


def header(length, kind, flags, stream):
    return struct.pack(">BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream)


@pytest.mark.parametrize(
    "rest",
    [
        [],
        [(SERVER, header(8, 6, 0, 0) + bytes(8))],
        [(CLIENT, header(8, 7, 0, 0) + struct.pack(">II", 0, 6))],
    ],
)
def test_a_frame_above_the_limit_is_an_error_where_it_ends_as_it_says(rest):
    # RFC 9113 4.2; the length is not above what 24 bits can say.
    rows = too_long(rest)["findings"].set_index("id")
    assert rows.loc["http2-malformed", "direction"] == "server"
    assert "20004 bytes is above the limit of 16384" in rows.loc["http2-malformed", "text"]


def test_each_frame_above_the_limit_is_an_error():
    content = frame(2, b"y" * 20_000)
    # At 1 byte a row the header is in nine of them, at 3 in three.
    rows = too_long([(SERVER, header(len(content), 0, 0, 1) + content)], (1, 3))["findings"]
    assert (rows["id"] == "http2-malformed").sum() == 2


@pytest.mark.parametrize("objection", [(7, 0, bytes(4) + b"\0\0\0\6"), (3, 1, b"\0\0\0\6")])
def test_a_frame_above_the_limit_is_an_error_where_its_receiver_says_so(objection):
    kind, stream, content = objection
    talk = Talk()
    talk.open(1)
    talk.steps.append((SERVER, header(2_000_000, 0, 0, 1) + bytes(30)))
    talk.steps.append((CLIENT, header(len(content), kind, 0, stream) + content))
    rows = tables_of(capture(talk.steps))["findings"].set_index("id")
    assert rows.loc["http2-malformed", "direction"] == "server"


def test_a_damaged_length_is_nobodys_fault():
    talk = Talk()
    talk.open(1)
    for number in range(12):
        talk.frame(SERVER, 1, 1, b"message %d" % number)
    packets = segments(talk.steps)
    place, (time, packet, size) = next(
        (at, each) for at, each in enumerate(packets) if each[1].endswith(b"message 3")
    )
    at = packet.index(header(11, 0, 0, 1))
    packets[place] = (time, packet[:at] + b"\x1f" + packet[at + 1 :], size)
    found = tables_of(pcap(packets, nanoseconds=True))["findings"]
    assert set(found["id"]) >= {"http2-lost"}
    assert not (found["severity"] == "error").any()


def test_bytes_lost_between_frames_may_be_those_of_any_message():
    # Where the next frame of HTTP/2 is, is lost with the second half of a message: what comes
    # next on the stream is not that half.
    talk = Talk()
    talk.open(1)
    talk.frame(CLIENT, 1, 1, b"before")
    half = frame(1, b"0123456789" * 20, mask=b"\x0f\xf0\x1e\xe1")
    talk.send(CLIENT, 1, half[:90])
    talk.send(CLIENT, 1, half[90:])
    for number in range(8):
        talk.frame(CLIENT, 1, 1, b"after %d, and long enough to be told apart" % number)
    packets = segments(talk.steps)
    (lost,) = (at for at, (_, packet, _) in enumerate(packets) if packet.endswith(half[90:]))
    del packets[lost]
    for size in (1, 700, 2**20):
        tables = tables_of(pcap(packets, nanoseconds=True), payload="full", batch_bytes=size)
        texts = [payload for _, payload in said(tables)["client"]]
        assert texts[0] == b"before"
        assert texts[-6:] == [
            b"after %d, and long enough to be told apart" % number for number in range(2, 8)
        ]
        found = tables["findings"]
        assert "http2-lost" in set(found["id"])
        assert "error" not in set(found["severity"])
        assert_ties_out(tables)


def test_a_preface_behind_a_hole_of_unknown_size_is_found_with_its_frames():
    # Packet 85 has the client's Finished of TLS: what the hole held of HTTP/2 is not known, and
    # the preface comes whole behind it.
    path = CAPTURES / "http2-hypercorn-tls.pcap"
    link, packets = packets_of(path.read_bytes())
    del packets[84]
    tables = tables_of(pcap(packets, link_type=link), keys=path.with_suffix(".keys"))
    told = tables["findings"].set_index("id")["severity"]
    assert told["http2-lost"] == "warning"
    assert "error" not in set(told)
    assert_ties_out(tables)


def test_a_server_whose_first_frame_was_not_captured_may_take_extended_connect():
    # The first of it that was captured acknowledges the client's settings, and has none itself.
    talk = Talk()
    talk.open(1)
    packets = segments(talk.steps)
    sent = [
        at for at, (_, packet, _) in enumerate(packets) if packet[34:36] == packets[1][1][34:36]
    ]
    settings = next(at for at in sent if len(packets[at][1]) > 54 + 9)
    gone = {1, *(at for at in sent if at <= settings)}
    kept = [each for at, each in enumerate(packets) if at not in gone]
    found = tables_of(pcap(kept, nanoseconds=True))["findings"]
    assert "http2-connect-not-enabled" not in set(found["id"])
