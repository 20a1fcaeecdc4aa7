"""The oracle itself, compared with wsproto and websockets where they agree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import websocket as oracle
from websockets.frames import Frame as WebsocketsFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader
from wsproto.frame_protocol import FrameProtocol

examples = settings(deadline=None, max_examples=60)

payloads = st.binary(max_size=140) | st.sampled_from([bytes(126), bytes(65535), bytes(65536)])
data_frames = st.tuples(st.booleans(), payloads)


def test_examples_of_the_rfc() -> None:
    """RFC 6455 5.7."""
    key = bytes.fromhex("37fa213d")
    assert oracle.frame(1, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert oracle.frame(1, b"Hello", mask=key) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert oracle.frame(1, b"Hel", fin=False) == bytes.fromhex("010348656c")
    assert oracle.frame(0, b"lo") == bytes.fromhex("80026c6f")
    assert oracle.frame(9, b"Hello") == bytes.fromhex("890548656c6c6f")
    assert oracle.frame(2, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert oracle.frame(2, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")


@pytest.mark.parametrize("form", oracle.LENGTH_FORMS)
def test_length_forms(form: int) -> None:
    (one,) = oracle.decode(oracle.frame(2, b"abc", length_form=form))
    assert one.header_bytes == {7: 2, 16: 4, 64: 10}[form]
    assert one.payload == b"abc"


@examples
@given(payloads, st.none() | st.binary(min_size=4, max_size=4), st.sampled_from(list(Opcode)))
def test_frames_as_websockets_makes_and_reads_them(
    payload: bytes, mask: bytes | None, opcode: Opcode
) -> None:
    if opcode >= 8:
        payload = payload[:125]
    data = oracle.frame(opcode, payload, mask=mask)
    reader = StreamReader()
    reader.feed_data(data)
    parser = WebsocketsFrame.parse(reader.read_exact, mask=mask is not None)
    with pytest.raises(StopIteration) as stop:
        next(parser)
    theirs = stop.value.value
    (ours,) = oracle.decode(data)
    assert (theirs.opcode, theirs.data, theirs.fin) == (ours.opcode, ours.payload, ours.fin)
    if mask is None:
        assert theirs.serialize(mask=False) == data


@examples
@given(st.lists(data_frames, min_size=1, max_size=6))
def test_messages_as_wsproto_reads_them(parts: list[tuple[bool, bytes]]) -> None:
    data = b""
    is_open = False
    for fin, payload in parts:
        data += oracle.frame(0 if is_open else 2, payload, fin=fin)
        data += oracle.frame(9, b"between")
        is_open = not fin
    theirs = [b""]
    receiver = FrameProtocol(client=True, extensions=[])
    receiver.receive_bytes(data)
    for frame in receiver.received_frames():
        if frame.opcode == 9:
            continue
        theirs[-1] += bytes(frame.payload)
        if frame.message_finished:
            theirs.append(b"")
    ours = oracle.messages(oracle.decode(data))
    assert [message.payload for message in ours if message.is_complete] == theirs[:-1]
    if not ours[-1].is_complete:
        assert ours[-1].payload == theirs[-1]


def test_cut_bytes() -> None:
    data = oracle.frame(1, b"one") + oracle.frame(2, b"second", mask=b"abcd")
    for end in range(len(data)):
        frames = oracle.decode(data[:end])
        assert len(frames) == (end >= 2) + (end >= 5 + 6)
        assert all(frame.is_complete for frame in frames[:-1])
    assert [frame.offset for frame in oracle.decode(data)] == [0, 5]


def test_lone_continuations_and_interrupted_messages() -> None:
    data = (
        oracle.frame(0, b"lone")
        + oracle.frame(1, b"never ended", fin=False)
        + oracle.frame(2, b"whole", rsv=4)
        + oracle.frame(8, oracle.close_body(1000, "bye"))
    )
    frames = oracle.decode(data)
    first, second = oracle.messages(frames)
    assert [frame.message for frame in frames] == [None, 0, 1, None]
    assert not first.is_complete
    assert (second.opcode, second.compressed, second.payload) == (2, True, b"whole")
    assert frames[3].payload == b"\x03\xe8bye"
