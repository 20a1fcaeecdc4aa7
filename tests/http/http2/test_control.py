"""Settings, windows, GOAWAY and floods."""

import struct

import pytest
from oracle import websocket
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Talk, capture, segments
from oracle.whole import assert_ties_out, grave, said, tables_of

from analyzer.http.http2 import control


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + struct.pack(">I", stream) + payload


def found(talk, **options):
    tables = tables_of(capture(talk.steps), **options)
    return tables["findings"].groupby("id")["text"].apply(list).to_dict()


def test_a_used_up_window_is_told_with_its_time():
    talk = Talk(initial_window_size=100)
    talk.open(1)
    talk.send(CLIENT, 1, b"\x82\xe0\0\0\0\0" + b"x" * 94)
    for _ in range(60):
        talk.ends[SERVER].ping(b"12345678")
        talk.flush(SERVER)
        talk.flush(CLIENT)
    talk.ends[SERVER].increment_flow_control_window(500, 1)
    talk.flush(SERVER)
    (text,) = found(talk)["http2-stall"]
    assert "stream 1" in text
    assert "the client" in text
    # 120 frames and their ACKs, 1 ms apart.
    assert 220 < int(text.rsplit(" ", 2)[1]) < 260


def test_more_than_the_window():
    talk = Talk(initial_window_size=10)
    talk.open(1)
    talk.steps.append((CLIENT, frame(0, 0, 1, b"\x82\x8e\0\0\0\0" + b"x" * 14)))
    assert found(talk)["http2-window-exceeded"]


def test_a_wide_window_is_kept():
    talk = Talk()
    talk.open(1)
    for _ in range(100):
        talk.send(CLIENT, 1, b"\x82\xfe\2\0\0\0\0\0" + b"x" * 512)
    assert "http2-window-exceeded" not in found(talk)


def test_goaway_says_who_and_why():
    talk = Talk()
    talk.open(1)
    talk.ends[SERVER].close_connection(11, b"too much")
    talk.flush(SERVER)
    (text,) = found(talk)["http2-goaway"]
    assert "the server" in text
    assert "ENHANCE_YOUR_CALM" in text
    assert "too much" in text


def test_floods():
    talk = Talk()
    talk.open(1)
    talk.steps.append((CLIENT, frame(6, 0, 0, b"12345678") * 1500))
    talk.steps.append((CLIENT, frame(4, 0, 0) * 1500))
    talk.steps.append((CLIENT, frame(0, 0, 1) * 1500))
    texts = found(talk)["http2-flood"]
    assert len(texts) == 3
    assert any("PING" in text for text in texts)
    assert any("SETTINGS" in text for text in texts)
    assert any("empty DATA" in text for text in texts)


def test_settings_that_make_no_sense():
    talk = Talk()
    talk.open(1)
    talk.steps.append((SERVER, frame(4, 0, 0, b"\0\4\xff\xff\xff\xff")))
    assert found(talk)["http2-malformed"]


def test_a_frame_size_that_was_allowed():
    talk = Talk(max_frame_size=40_000)
    talk.open(1)
    body = b"\x82\xfe\x75\x30\0\0\0\0" + b"x" * 30_000
    talk.steps.append((CLIENT, frame(0, 0, 1, body)))
    tables = tables_of(capture(talk.steps))
    assert tables["messages"]["payload_bytes"].tolist() == [30_000]
    assert "http2-malformed" not in grave(tables)
    talk = Talk()
    talk.open(1)
    talk.steps.append((CLIENT, frame(0, 0, 1, body)))
    tables = tables_of(capture(talk.steps))
    # RFC 9113 4.2: its receiver must not take it.
    assert tables["messages"].empty
    assert "http2-malformed" in grave(tables)


# --- what the other side may have sent, unseen


def without(packets, piece):
    """The packets but the first that ends with these bytes."""
    place = next(at for at, (_, packet, _) in enumerate(packets) if packet.endswith(piece))
    return packets[:place] + packets[place + 1 :]


def blamed(packets, size=2**20):
    tables = tables_of(pcap(packets, nanoseconds=True), payload="full", batch_bytes=size)
    found = tables["findings"]
    return tables, set(found[found["severity"] == "error"]["id"])


@pytest.mark.parametrize("size", [1, 7 * 64, 2**20])
def test_a_server_whose_settings_were_lost_may_have_allowed_it(size):
    talk = Talk()
    settings = next(what for side, what in talk.steps if side == SERVER)
    talk.open(1)
    for number in range(6):
        talk.frame(SERVER, 1, 1, b"hello %d, and so on" % number)
    tables, ids = blamed(without(segments(talk.steps), settings), size)
    assert "http2-lost" in set(tables["findings"]["id"])
    assert not ids


@pytest.mark.parametrize("size", [1, 7 * 64, 2**20])
def test_a_server_that_never_allowed_it_is_told_of_whatever_the_batches(size):
    talk = Talk(enabled=False)
    talk.open(1)
    talk.frame(SERVER, 1, 1, b"hello")
    assert blamed(segments(talk.steps), size)[1] == {"http2-connect-not-enabled"}


@pytest.mark.parametrize("size", [7 * 1024, 2**20])
def test_a_window_that_an_update_opened_unseen_was_not_exceeded(size):
    talk = Talk()
    talk.open(1)
    for number in range(9):
        talk.send(SERVER, 1, websocket.frame(2, bytes([number]) * 10_000))
        if number == 4:
            for stream in (None, 1):
                talk.ends[CLIENT].increment_flow_control_window(40_000, stream)
            update = talk.flush(CLIENT)
    assert not blamed(segments(talk.steps), size)[1]
    # Something of the client comes behind it, by which the hole shows.
    talk.frame(CLIENT, 1, 1, b"thank you")
    tables, ids = blamed(without(segments(talk.steps), update), size)
    assert "tcp-lost" in set(tables["findings"]["id"])
    assert not ids


@pytest.mark.parametrize("size", [1, 7 * 64, 2**20])
def test_an_attempt_whose_answer_was_lost_goes_on_with_its_frames(size):
    talk = Talk()
    talk.connect(1)
    talk.accept(1)
    answer = talk.steps[-1][1]
    for number in range(6):
        talk.frame(CLIENT, 1, 1, b"ask %d, and so on" % number)
        talk.frame(SERVER, 1, 1, b"say %d, and so on" % number)
    talk.close(1)
    tables, ids = blamed(without(segments(talk.steps), answer), size)
    assert not ids
    (row,) = tables["handshakes"].itertuples()
    assert row.outcome == "cut"
    assert len(tables["connections"]) == 1
    texts = [payload for _, payload in said(tables)["server"]]
    assert texts[-3:] == [b"say %d, and so on" % number for number in (3, 4, 5)]
    assert tables["connections"]["close_kind"].tolist() == ["clean"]
    assert "handshake-reset" not in set(tables["findings"]["id"])
    assert_ties_out(tables)


def test_a_continuation_whose_beginning_was_lost_is_none_of_the_clients_faults():
    talk = Talk()
    for number in range(1, 9, 2):
        talk.request(number, x_long="a" * 30_000 if number == 3 else "b")
        talk.answer(number, b"ok")
    packets = segments(talk.steps, mss=16_393)
    place = next(at for at, (_, packet, _) in enumerate(packets) if len(packet) > 16_000)
    _, ids = blamed(packets[:place] + packets[place + 1 :])
    assert not ids


@pytest.mark.parametrize(("most", "told"), [(8, 8), (control.MAX_LATER, 20)])
def test_what_waits_for_the_server_is_bounded(monkeypatch, most, told):
    monkeypatch.setattr(control, "MAX_LATER", most)
    talk = Talk(enabled=False)
    streams = range(1, 41, 2)
    for stream in streams:
        talk.connect(stream)
    for stream in streams:
        talk.answer(stream, status=501)
    tables, ids = blamed(segments(talk.steps))
    assert ids == {"http2-connect-not-enabled"}
    found = tables["findings"]
    assert found[found["id"] == "http2-connect-not-enabled"]["count"].sum() == told


def swapped(packets, piece):
    """The packets, the last that ends with these bytes behind the payload that follows it."""
    at = max(at for at, (_, packet, _) in enumerate(packets) if packet.endswith(piece))
    behind = next(n for n in range(at + 1, len(packets)) if len(packets[n][1]) > 54)
    return [*packets[:at], *packets[at + 1 : behind + 1], packets[at], *packets[behind + 1 :]]


@pytest.mark.parametrize("size", [1, 2**20])
@pytest.mark.parametrize(("opened", "ids"), [(True, set()), (False, {"http2-window-exceeded"})])
def test_an_update_that_was_captured_late_had_opened_the_window(opened, ids, size):
    # Two queues of a capture swap the update and what the server sends when it has it: its ACK
    # says that it did (RFC 9293 3.10.7.4).
    talk = Talk()
    talk.open(1)
    body = websocket.frame(2, b"x" * 15_990)
    for _ in range(4):
        talk.send(SERVER, 1, body)
    for stream in (None, 1):
        talk.ends[CLIENT].increment_flow_control_window(20_000, stream)
    update = talk.flush(CLIENT)
    talk.send(SERVER, 1, websocket.frame(2, b"y" * 6000))
    talk.frame(CLIENT, 1, 1, b"thank you")
    packets = segments(talk.steps, 16_000, acks=False)
    if opened:
        packets = swapped(packets, update)
    else:
        # A frame of a type that says nothing stands in its place.
        assert len(update) == 26
        packets = [
            (time, packet.replace(update, frame(0xBE, 0, 0, b"." * 17)), length)
            for time, packet, length in packets
        ]
    assert blamed(packets, size)[1] == ids


@pytest.mark.parametrize("size", [1, 2**20])
def test_settings_that_were_captured_late_had_allowed_it(size):
    talk = Talk()
    settings = next(what for side, what in talk.steps if side == SERVER)
    talk.open(1)
    talk.frame(SERVER, 1, 1, b"hello")
    packets = segments(talk.steps, acks=False)
    at = next(at for at, (_, packet, _) in enumerate(packets) if packet.endswith(settings))
    # The first HEADERS frame of the client: type 1 behind 54 bytes of lower layers (RFC 9113 4.1).
    connect = next(n for n in range(at, len(packets)) if packets[n][1][57:58] == b"\1")
    packets.insert(connect, packets.pop(at))
    assert not blamed(packets, size)[1]


@pytest.mark.parametrize("size", [1, 2**20])
@pytest.mark.parametrize("with_syn", [True, False])
def test_a_server_whose_first_frame_is_none_of_settings_had_sent_them_before(with_syn, size):
    # RFC 9113 3.4: a server's preface is a SETTINGS frame. Without its SYN-ACK nobody knows where
    # its stream begins.
    talk = Talk()
    settings = next(what for side, what in talk.steps if side == SERVER)
    talk.open(1)
    talk.frame(SERVER, 1, 1, b"hello")
    packets = without(segments(talk.steps), settings)
    if not with_syn:
        del packets[1]
    assert not blamed(packets, size)[1]


@pytest.mark.parametrize("size", [1, 2**20])
@pytest.mark.parametrize("kept", [54, 60, 63, 70])
def test_settings_that_were_cut_may_have_allowed_it(kept, size):
    talk = Talk()
    settings = next(what for side, what in talk.steps if side == SERVER)
    talk.open(1)
    talk.frame(SERVER, 1, 1, b"hello")
    packets = [
        (time, packet[: kept if packet.endswith(settings) else None], length)
        for time, packet, length in segments(talk.steps)
    ]
    assert not blamed(packets, size)[1]
