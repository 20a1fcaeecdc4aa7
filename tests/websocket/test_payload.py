"""Text is judged as Python judges it, however it is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import websocket as oracle
from oracle.chunks import Stream
from oracle.walks import CLIENT, SERVER, opened, run

from analyzer.websocket._payload import digest_of


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300), st.integers(1, 9), st.booleans())
def test_valid_utf8_passes_however_it_is_cut(text, step, masked):
    data = text.encode()
    frames = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
    key = b"k\x80y!" if masked else None
    side = CLIENT if masked else SERVER
    stream = Stream()
    for number, part in enumerate(frames):
        is_last = number == len(frames) - 1
        stream.data(side, oracle.frame(0 if number else 1, part, fin=is_last, mask=key))
    assert run(opened(), stream).kinds() == []


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 140))
def test_utf8_verdict_is_pythons(data, ascii_before):
    data = b"a" * ascii_before + data
    try:
        data.decode()
        expected = []
    except UnicodeDecodeError:
        expected = ["websocket-bad-utf8"]
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, data))
    assert run(opened(), stream).kinds() == expected


def twin(payload: bytes) -> int:
    """The digest, from its definition: words of 8 bytes, the last one padded, then the length."""
    kept = payload[:256]
    words = [kept[at : at + 8] for at in range(0, len(kept) - len(kept) % 8, 8)]
    words.append(kept[8 * len(words) :])
    digest = 0
    for word in [*(int.from_bytes(each, "little") for each in words), len(payload)]:
        digest = (digest ^ word) * 0x9E3779B97F4A7C15 % 2**64
        digest ^= digest >> 32
    return digest or 1


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.integers(1, 40), st.integers(1, 90), st.booleans())
def test_digest_is_the_same_however_the_payload_is_cut(data, step, size, masked):
    frames = [data[at : at + 50] for at in range(0, len(data), 50)] or [b""]
    key = b"k\x80y!" if masked else None
    side = CLIENT if masked else SERVER
    stream = Stream()
    wire = b"".join(
        oracle.frame(0 if number else 2, part, fin=number == len(frames) - 1, mask=key)
        for number, part in enumerate(frames)
    )
    for at in range(0, len(wire), step):
        stream.data(side, wire[at : at + step])
    (message,) = run(opened(), stream, size).messages
    assert int(message["digest"]) == digest_of(data) == twin(data)


def test_digest_tells_lengths_apart_and_looks_at_the_beginning():
    begin = bytes(range(256))
    assert digest_of(begin + b"a") == digest_of(begin + b"b") != digest_of(begin + b"ab")
    assert len({digest_of(b"\0" * count) for count in range(300)}) == 300


def test_digest_of_a_damaged_message_is_not_known():
    stream = Stream()
    stream.data(SERVER, b"\x82\x0ahello")
    stream.lost(SERVER, 5)
    (message,) = run(opened(), stream).messages
    assert message["damaged"]
    assert message["digest"] == 0
