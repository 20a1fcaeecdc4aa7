"""Settings, windows, GOAWAY and floods."""

import struct

from oracle.http2 import CLIENT, SERVER, Talk, capture
from oracle.whole import grave, tables_of


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
    assert tables["messages"]["payload_bytes"].tolist() == [30_000]
    assert "http2-malformed" in grave(tables)
