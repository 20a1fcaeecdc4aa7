"""What messages bear of the packets that carry, acknowledge and repeat them."""

from oracle import websocket as oracle
from oracle.chunks import HEADER, Stream
from oracle.walks import CLIENT, SERVER, opened, run


def test_one_packet_one_message_bears_all():
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, b"hello"))
    stream.ack(CLIENT)
    (message,) = run(opened(), stream).messages
    assert message["packet_header_bytes"] == HEADER
    assert message["ack_bytes"] == HEADER
    assert message["transfer_bytes"] == 5
    assert message["ws_header_bytes"] == 2
    assert message["packet_first"] == message["packet_last"] == 1


def test_two_messages_in_one_packet_share_by_their_bytes():
    stream = Stream()
    # 10 and 30 bytes of 40: a quarter and three quarters of 66, rounded cumulatively.
    stream.data(SERVER, oracle.frame(1, b"12345678") + oracle.frame(1, b"x" * 28))
    stream.ack(CLIENT)
    first, second = run(opened(), stream).messages
    assert first["packet_header_bytes"] == 66 * 10 // 40
    assert first["packet_header_bytes"] + second["packet_header_bytes"] == 66
    assert first["ack_bytes"] + second["ack_bytes"] == 66


def test_retransmission_is_charged_to_the_message_that_it_repeats():
    stream = Stream()
    stream.data(SERVER, oracle.frame(2, b"a" * 98))
    stream.data(SERVER, oracle.frame(2, b"b" * 98))
    stream.again(SERVER, 100, 100)
    stream.ack(CLIENT)
    first, second = run(opened(), stream).messages
    assert first["retransmitted_bytes"] == 0
    assert second["retransmitted_bytes"] == 100
    assert second["packet_header_bytes"] == 2 * HEADER


def test_a_message_waits_for_the_ack_of_its_end():
    stream = Stream()
    stream.data(SERVER, oracle.frame(2, b"a" * 98))
    walk = opened()
    assert run(walk, stream, end=False).messages == []
    more = Stream()
    more.offsets = stream.offsets
    more.ack(CLIENT, 99)
    assert run(walk, more, end=False).messages == []
    more = Stream()
    more.offsets = stream.offsets
    more.ack(CLIENT, 100)
    (message,) = run(walk, more, end=False).messages
    assert message["ack_bytes"] == 2 * HEADER


def test_no_more_than_max_pending_messages_wait():
    stream = Stream()
    for _ in range(10):
        stream.data(SERVER, oracle.frame(1, b"x"))
    assert len(run(opened(pending=3), stream, end=False).messages) == 7
