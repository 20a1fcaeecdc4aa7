"""A conversation: what waits, what is given up, names beyond the limit."""

from analyzer.columns import NULL
from analyzer.inside.calls import Moment
from analyzer.inside.protocol import Setting
from analyzer.inside.recognition import Recogniser
from analyzer.inside.registry import PROTOCOLS
from analyzer.inside.talk import GIVEN_UP, SPEAKS, UNDECIDED, Shared, Talk, Waiting
from analyzer.options import Options


def talk(options=None, **setting):
    shared = Shared(options or Options())
    known = Setting(**setting)
    recogniser = Recogniser(known, PROTOCOLS, None)
    return Talk.begin(shared, 0, ("s",), known, recogniser)


def moment(sender, at):
    return Moment(sender, at, at, at, at * 1000, at * 1000)


def test_it_speaks_what_its_subprotocol_names():
    one = talk(subprotocol="v12.stomp")
    assert (one.state, one.inner) == (SPEAKS, "stomp")
    code, detail = one.read(b"\n", True, moment(0, 1))
    assert one.shared.labels.known[code][:2] == ("stomp", "heartbeat")
    assert detail is None


def test_two_messages_confirm():
    one = talk()
    payload = b'{"jsonrpc":"2.0","method":"a"}'
    assert not one.recognise(Waiting(0, payload, True, moment(0, 1)))
    assert (one.state, one.inner) == (UNDECIDED, None)
    assert one.recognise(Waiting(1, payload, True, moment(0, 2)))
    assert one.inner == "json-rpc"


def test_three_wrong_ones_in_a_row_give_it_up():
    one = talk(subprotocol="v12.stomp")
    for at in range(2):
        assert one.read(b"{}", True, moment(0, at)) is None
    assert one.read(b"\n", True, moment(0, 2)) is not None
    for at in range(3):
        assert one.read(b"{}", True, moment(0, at)) is None
    assert one.state == GIVEN_UP
    assert one.inner is None


def test_a_reply_knows_its_time():
    one = talk(subprotocol="v12.stomp")
    one.read(b"SEND\ndestination:/a\nreceipt:1\n\n\0", True, moment(0, 1))
    _, detail = one.read(b"RECEIPT\nreceipt-id:1\n\n\0", True, moment(1, 3))
    assert (detail.reply_to, detail.reply_ns, detail.items) == ("1", 2000, 1)


def test_names_beyond_the_limit_stand_in_their_rows():
    one = talk(Options(max_inside_names=1), subprotocol="v12.stomp")
    first = one.read(b"SEND\ndestination:/a\n\n\0", True, moment(0, 1))
    code, detail = one.read(b"SEND\ndestination:/b\n\n\0", True, moment(0, 2))
    assert first[1] is None
    assert one.shared.labels.known[code].name is None
    assert detail.label.name == "/b"
    assert detail.reply_ns == NULL
    assert one.shared.labels.full


def test_a_conversation_keeps_few_names_beside_those_of_all():
    """Thousands of connections with thousands of names each: names are kept once."""
    one = talk(subprotocol="v12.stomp")
    frames = [b"SEND\ndestination:/t/%d\n\nx\0" % number for number in range(1000)]
    first = [one.read(frame, True, moment(0, 1)) for frame in frames]
    assert len(one._numbers) < 300
    assert [one.read(frame, True, moment(0, 2)) for frame in frames] == first
    assert len({code for code, _ in first}) == 1000


def test_what_is_cut_over_messages_is_timed_from_its_first_byte():
    one = talk(subprotocol="mqtt")
    subscribe = b"\x82\x06\0\x07\0\x01a\0"
    one.read(b"\xc0\0" + subscribe[:1], False, moment(0, 1))
    for at, piece in enumerate((subscribe[1:2], subscribe[2:4]), 2):
        assert one.read(piece, False, moment(0, at))[1] is None
    one.read(subscribe[4:], False, moment(0, 4))
    one.read(b"\x90\x03\0\x07", False, moment(1, 6))
    _, detail = one.read(b"\0", False, moment(1, 9))
    [call] = one.book.done
    # The request began behind the ping of message 1; it is told in message 4.
    assert (call.asked.packet_first, call.asked.message) == (1, 4)
    assert (call.reply_ns, detail.reply_ns) == (8000, 8000)
    # The next one begins where it stands.
    one.read(b"\x82\x06\0\x08\0\x01b\0", False, moment(0, 12))
    one.read(b"\x90\x03\0\x08\0", False, moment(1, 13))
    assert one.book.done[1].reply_ns == 1000


def test_what_was_begun_is_forgotten_with_what_was_lost():
    one = talk(subprotocol="v12.stomp")
    one.read(b"SEND\ndestin", True, moment(0, 1))
    one.unread(0)
    one.read(b"SEND\ndestination:/a\nreceipt:1\n\n\0", True, moment(0, 5))
    one.read(b"RECEIPT\nreceipt-id:1\n\n\0", True, moment(1, 7))
    assert [call.reply_ns for call in one.book.done] == [2000]
