"""Text is judged as Python judges it, however it is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import websocket as oracle
from oracle.chunks import Stream
from oracle.walks import CLIENT, SERVER, opened, run


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
