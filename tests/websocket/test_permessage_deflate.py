"""Expected values: the examples of RFC 7692 7.2.3, and what a zlib compressor was given."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.websocket.negotiation import Side
from analyzer.websocket.permessage_deflate import Inflated, Inflater, Status

HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 7.2.3.1
HELLO_AGAIN = bytes.fromhex("f200110000")  # 7.2.3.2: from the window
HELLO_STORED = bytes.fromhex("000500faff48656c6c6f00")  # 7.2.3.3
HELLO_FINAL = bytes.fromhex("f348cdc9c9070000")  # 7.2.3.4: BFINAL
HELLO_TWO_BLOCKS = bytes.fromhex("f24805000000ffffcac9c90700")  # 7.2.3.5
MIB = 1 << 20

examples = settings(deadline=None, max_examples=60)


class Sender:
    """An endpoint that compresses as RFC 7692 7.2.1 says."""

    def __init__(self, *, takeover: bool = True, bits: int = 15, level: int = 6) -> None:
        self._takeover, self._bits, self._level = takeover, bits, level
        self._reset()

    def _reset(self) -> None:
        self._zlib = zlib.compressobj(self._level, zlib.DEFLATED, -self._bits)

    def send(self, payload: bytes) -> bytes:
        if not self._takeover:
            self._reset()
        data = self._zlib.compress(payload) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\x00\x00\xff\xff")
        return data[:-4]


def inflater(
    *, takeover: bool = True, limit: int = MIB, keep: int = MIB, assumed: bool = False
) -> Inflater:
    return Inflater(Side(15, not takeover, assumed), limit=limit, keep_bytes=keep)


def in_pieces(receiver: Inflater, payload: bytes, size: int) -> tuple[Inflated, bytes]:
    receiver.start()
    output = [receiver.push(payload[at : at + size]) for at in range(0, len(payload), size)]
    return receiver.finish(), b"".join(output)


def ok(payload: bytes) -> Inflated:
    return Inflated(len(payload), payload)


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("wire", [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_TWO_BLOCKS])
def test_examples_of_the_rfc(wire: bytes, takeover: bool) -> None:
    receiver = inflater(takeover=takeover)
    for _ in range(3):
        assert receiver.inflate(wire) == ok(b"Hello")
    for size in (1, 2, 3, 5, 7):
        assert in_pieces(receiver, wire, size) == (ok(b"Hello"), b"Hello")


def test_window_goes_from_message_to_message() -> None:
    receiver = inflater()
    assert receiver.inflate(HELLO) == ok(b"Hello")
    assert receiver.inflate(HELLO_AGAIN) == ok(b"Hello")


def test_window_is_kept_behind_a_final_block() -> None:
    for size in (0, 1, 100):
        receiver = inflater()
        first = (
            receiver.inflate(HELLO_FINAL) if not size else in_pieces(receiver, HELLO_FINAL, size)[0]
        )
        assert first == ok(b"Hello")
        assert receiver.inflate(HELLO_AGAIN) == ok(b"Hello")


def test_final_block_without_the_empty_one_behind_it() -> None:
    for size in (0, 1, 100):
        receiver = inflater()
        bare = HELLO_FINAL[:-1]
        got = receiver.inflate(bare) if not size else in_pieces(receiver, bare, size)[0]
        assert got == ok(b"Hello")
        assert receiver.inflate(HELLO_AGAIN) == ok(b"Hello")
        assert receiver.inflate(HELLO) == ok(b"Hello")


def test_several_streams_in_one_message() -> None:
    receiver = inflater()
    wire = HELLO_FINAL[:-1] + HELLO_FINAL[:-1] + HELLO_AGAIN
    assert receiver.inflate(wire) == ok(b"HelloHelloHello")
    assert in_pieces(inflater(), wire, 1)[0] == ok(b"HelloHelloHello")


def test_final_block_late_in_a_long_conversation() -> None:
    """The window behind a final block reaches back over many messages."""
    generator = random.Random(5)
    old = [generator.randbytes(2000) for _ in range(10)]
    sender, receiver = Sender(), inflater()
    for message in old:
        assert receiver.inflate(sender.send(message)) == ok(message)
    final = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=b"".join(old))
    wire = final.compress(old[0]) + final.flush(zlib.Z_FINISH)
    assert len(wire) < 200
    assert receiver.inflate(wire + b"\x00") == ok(old[0])
    again = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=(b"".join(old) + old[0])[-32768:])
    wire = again.compress(old[1]) + again.flush(zlib.Z_SYNC_FLUSH)
    assert len(wire) < 200
    assert receiver.inflate(wire[:-4]) == ok(old[1])


@pytest.mark.parametrize("takeover", [True, False])
def test_empty_messages(takeover: bool) -> None:
    receiver = inflater(takeover=takeover)
    for wire in (b"\x00", b"", HELLO, b"", b"\x00", b""):
        assert receiver.inflate(wire) == ok(b"Hello" if wire == HELLO else b"")
        receiver.start()
        receiver.push(b"")
        assert receiver.finish() == ok(b"")
    assert receiver.inflate(HELLO_STORED) == ok(b"Hello")


@examples
@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([b"", b"a" * 5000]), max_size=8),
    st.booleans(),
    st.sampled_from([9, 12, 15]),
    st.sampled_from([0, 1, 6]),
    st.integers(1, 64),
)
def test_all_that_was_compressed_comes_back(
    messages: list[bytes], takeover: bool, bits: int, level: int, size: int
) -> None:
    sender = Sender(takeover=takeover, bits=bits, level=level)
    whole, pieces = inflater(takeover=takeover), inflater(takeover=takeover)
    for message in messages:
        wire = sender.send(message)
        assert whole.inflate(wire) == ok(message)
        assert in_pieces(pieces, wire, size) == (ok(message), message)


@examples
@given(st.lists(st.binary(max_size=80), max_size=6), st.integers(1, 9), st.booleans())
def test_noise_neither_raises_nor_depends_on_the_cut(
    messages: list[bytes], size: int, takeover: bool
) -> None:
    whole = inflater(takeover=takeover, limit=200)
    pieces = inflater(takeover=takeover, limit=200)
    for message in messages:
        got = whole.inflate(message)
        assert got == in_pieces(pieces, message, size)[0]
        assert got.status in (Status.OK, Status.LIMIT) or got.payload == b""


def test_only_the_asked_bytes_are_kept() -> None:
    wire = Sender().send(b"0123456789")
    assert inflater(keep=4).inflate(wire) == Inflated(10, b"0123")
    assert inflater(keep=0).inflate(wire) == Inflated(10, b"")
    assert in_pieces(inflater(keep=4), wire, 3) == (Inflated(10, b"0123"), b"0123456789")


@pytest.mark.parametrize("takeover", [True, False])
def test_a_bomb_is_cut_at_the_limit(takeover: bool) -> None:
    sender = Sender(takeover=takeover)
    receiver = inflater(takeover=takeover, limit=1000, keep=10)
    exact, bomb, after = (sender.send(bytes(n)) for n in (1000, 1001, 50))
    assert receiver.inflate(exact) == Inflated(1000, bytes(10))
    assert receiver.inflate(bomb) == Inflated(1000, bytes(10), Status.LIMIT)
    expected = Status.CONTEXT_LOST if takeover else Status.OK
    assert receiver.inflate(after).status is expected


def test_a_bomb_in_the_fast_path() -> None:
    sender = Sender()
    receiver = inflater(limit=1000, keep=10)
    assert receiver.inflate(sender.send(b"x")).status is Status.OK
    assert receiver.inflate(sender.send(bytes(10 * MIB))) == Inflated(1000, bytes(10), Status.LIMIT)


def test_a_bomb_in_pieces() -> None:
    wire = Sender().send(bytes(10 * MIB))
    result, output = in_pieces(inflater(limit=1000, keep=10), wire, 100)
    assert result == Inflated(1000, bytes(10), Status.LIMIT)
    assert output == bytes(1000)


def test_what_needs_lost_messages_is_not_shown() -> None:
    sender, receiver = Sender(), inflater()
    phrase = b"the quick brown fox jumps over the lazy dog"
    receiver.inflate(sender.send(phrase))
    sender.send(b"lost")
    receiver.lose_context()
    assert receiver.inflate(sender.send(phrase)).status is Status.CONTEXT_LOST
    independent = bytes(range(256))
    assert receiver.inflate(sender.send(independent)) == ok(independent)
    # Refers to what was seen since, then to what was not.
    assert receiver.inflate(sender.send(independent)) == ok(independent)
    lost = receiver.inflate(sender.send(phrase))
    assert lost[:3] == (0, b"", Status.CONTEXT_LOST)


def test_a_loss_is_overcome_by_32_kib() -> None:
    sender, receiver = Sender(), inflater()
    sender.send(b"lost")
    receiver.lose_context()
    for seed in range(40):
        message = random.Random(seed).randbytes(1000)
        assert receiver.inflate(sender.send(message)) == ok(message)
    # Whatever fails now is at fault itself.
    assert receiver.inflate(HELLO[:3] + b"\xff\xff\xff").status is Status.BAD_DATA


def test_a_loss_means_nothing_without_takeover() -> None:
    receiver = inflater(takeover=False)
    receiver.inflate(HELLO)
    receiver.lose_context()
    assert receiver.inflate(HELLO) == ok(b"Hello")
    # Its sender agreed to drop the context, and has not.
    assert receiver.inflate(HELLO_AGAIN) == (5, b"Hello", Status.TAKEOVER, "")
    receiver.close()
    assert receiver.inflate(HELLO_AGAIN).status is Status.BAD_DATA


def test_a_loss_within_a_message() -> None:
    sender, receiver = Sender(), inflater()
    receiver.start()
    receiver.push(sender.send(b"abcdefgh")[:3])
    receiver.lose_context()
    assert receiver.inflate(HELLO) == ok(b"Hello")


def test_a_capture_that_begins_in_the_middle() -> None:
    sender, receiver = Sender(), inflater(assumed=True)
    sender.send(b"Hello, before the capture")
    assert receiver.inflate(sender.send(b"Hello, before")).status is Status.CONTEXT_LOST
    assert receiver.inflate(b"\xff\xff not compressed at all").status is Status.CONTEXT_LOST
    assert receiver.inflate(sender.send(b"zyxw")) == ok(b"zyxw")


@pytest.mark.parametrize("takeover", [True, False])
def test_bad_data_is_said_once(takeover: bool) -> None:
    receiver = inflater(takeover=takeover)
    bad = receiver.inflate(b"\x07")  # block type 3 is reserved (RFC 1951 3.2.3)
    assert bad == Inflated(0, b"", Status.BAD_DATA, "invalid block type")
    assert receiver.inflate(HELLO) == ok(b"Hello")


def test_a_cut_payload_is_not_completed_by_the_tail() -> None:
    """Each proper beginning of a message is refused, or is its exact beginning."""
    text = b"It is a truth universally acknowledged"
    wire = Sender(takeover=False).send(text)
    for length in range(1, len(wire)):
        got = inflater(takeover=False).inflate(wire[:length])
        assert got.status is Status.BAD_DATA


def test_memory_is_released() -> None:
    receiver = inflater()
    receiver.inflate(HELLO)
    receiver.close()
    assert receiver.inflate(HELLO_AGAIN).status is Status.CONTEXT_LOST
    assert receiver.inflate(HELLO) == ok(b"Hello")


def test_many_small_messages_keep_a_window() -> None:
    sender, receiver = Sender(), inflater()
    for number in range(3000):
        message = b"%d" % number
        assert receiver.inflate(sender.send(message)) == ok(message)
    assert receiver.inflate(HELLO_FINAL) == ok(b"Hello")
    assert receiver.inflate(HELLO_AGAIN) == ok(b"Hello")


def test_a_final_block_that_ends_beyond_the_limit() -> None:
    final = zlib.compressobj(6, zlib.DEFLATED, -15)
    wire = HELLO + HELLO_FINAL + final.compress(bytes(500)) + final.flush(zlib.Z_FINISH)
    # Between blocks the stripped tail is due; without it the header is wrong.
    assert inflater(limit=100).inflate(wire).status is Status.BAD_DATA
    wire = HELLO_FINAL[:-1] + final_stream(bytes(500))
    assert inflater(limit=100, keep=7).inflate(wire) == Inflated(100, b"Hello\0\0", Status.LIMIT)


def test_a_fault_behind_a_final_block() -> None:
    bad = HELLO_FINAL[:-1] + b"\x07"
    for takeover in (True, False):
        receiver = inflater(takeover=takeover)
        receiver.inflate(HELLO)
        assert receiver.inflate(bad).status is Status.BAD_DATA
        assert in_pieces(receiver, bad, 3)[0].status is Status.BAD_DATA
        assert receiver.inflate(HELLO) == ok(b"Hello")


def test_a_final_block_that_ends_with_the_tail() -> None:
    """A stored empty block whose BFINAL stands before the stripped tail."""
    stored_final = HELLO_STORED[:-1] + b"\x01"
    for size in (0, 1, 100):
        receiver = inflater()
        assert receiver.inflate(HELLO) == ok(b"Hello")
        got = in_pieces(receiver, stored_final, size)[0] if size else receiver.inflate(stored_final)
        assert got == ok(b"Hello")
        assert receiver.inflate(HELLO_AGAIN) == ok(b"Hello")


def final_stream(payload: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(payload) + compressor.flush(zlib.Z_FINISH)
