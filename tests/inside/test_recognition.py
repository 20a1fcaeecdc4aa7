"""Recognition: a subprotocol's name, else two messages; never one, never likeness."""

import json
import random
import struct

import pytest

from analyzer.inside.protocol import Setting
from analyzer.inside.recognition import TRIES, Recogniser
from analyzer.inside.registry import GENERIC, JOINED, PROTOCOLS

RPC = b'{"jsonrpc":"2.0","method":"a","id":1}'


def see(*payloads, generic=None, **setting):
    recogniser = Recogniser(Setting(**setting), PROTOCOLS, generic)
    found = []
    for payload in payloads:
        found.append(recogniser.see(payload, 0, True))
        if found[-1] is not None:
            break
    return [None if each is None else each.inner for each in found], recogniser


def test_two_messages_confirm():
    assert see(RPC, RPC)[0] == [None, "json-rpc"]
    assert see(b'{"other":1}', RPC, b"x", RPC)[0] == [None, None, None, "json-rpc"]
    assert see(b'42["a"]', RPC)[0] == [None, None]


def test_a_path_alone_is_not_enough():
    path = "/socket.io/?EIO=4&transport=websocket"
    assert see(b"40", path=path)[0] == [None]
    assert see(b"40", b"2", path=path)[0] == [None, "engine.io"]


@pytest.mark.parametrize(
    ("subprotocol", "inner"),
    [("mqtt", "mqtt"), ("v12.stomp", "stomp"), ("chat", None), ("", None)],
)
def test_subprotocol(subprotocol, inner):
    named = Recogniser(Setting(subprotocol=subprotocol), PROTOCOLS, None).named
    assert (None if named is None else named.inner) == inner


def test_it_gives_up():
    _, recogniser = see(*[b"hello"] * TRIES)
    assert recogniser.exhausted


def test_random_json_is_of_no_protocol():
    chance = random.Random(7)

    def value(depth):
        kind = chance.randrange(6 if depth else 4)
        if kind < 4:
            return (chance.random(), "text", None, chance.randrange(100))[kind]
        some = [value(depth - 1) for _ in range(chance.randrange(5))]
        return some if kind == 4 else {f"k{n}": each for n, each in enumerate(some)}

    for _ in range(500):
        texts = [json.dumps(value(3)).encode() for _ in range(TRIES)]
        found, _ = see(*texts)
        assert set(found) == {None}, texts


def test_any_json_comes_last():
    assert GENERIC not in PROTOCOLS
    named, plain = b'{"type":"tick"}', b'{"seq":1}'
    assert see(named, named, generic=GENERIC)[0] == [None, "json"]
    assert see(plain, named, named, generic=GENERIC)[0] == [None, None, "json"]
    assert set(see(*[plain] * TRIES, generic=GENERIC)[0]) == {None}
    # One message that fits a better protocol: it is waited for.
    assert see(RPC, named, RPC, generic=GENERIC)[0] == [None, None, "json-rpc"]


def test_one_side_may_speak_json_alone():
    """The other says commands in words, or sends sound."""

    def sides(words, is_text):
        recogniser = Recogniser(Setting(), PROTOCOLS, GENERIC)
        steps = [(0, words, is_text), (1, b'{"type":"a"}', True)] * 2
        return [recogniser.see(payload, sender, text) for sender, payload, text in steps]

    for words, is_text in ((b"LOGIN ada", True), (b"\x01\x02\x03", False)):
        assert [each and each.inner for each in sides(words, is_text)] == [None, None, None, "json"]


RECORDED = [
    *(b'0{"sid":"a"}', b"40", b'42["a"]', b"2probe", b"\r\nCONNECT\nhost:a\n\n\0", b"NACK\n\n\0"),
    *(b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0", b"\x20\x02\0\0", b'{"protocol":"json"}\x1e'),
    *(b"{}\x1e", b'[1, "realm", {"roles": {}}]', b'{"type":"connection_init"}', RPC),
    *(b"[" + RPC + b"]", b'{"id":1,"method":"Page.enable"}', b'["1","1","room","phx_join",{}]'),
    *(b'{"command":"subscribe","identifier":"{\\"channel\\":\\"A\\"}"}', b"a"),
    *(b'{"event":"pusher:ping"}', b'{"msg":"connect","support":["1"]}'),
    *(b"INVITE sip:a SIP/2.0\r\nCall-ID: 1\r\n", b"SIP/2.0 200 OK\r\nCall-ID: 1\r\n"),
    *(b' <open xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>', b"RFB 003.008\n", b"SSH-2.0-x"),
    *(b"\x16\x03\x01\0\x05hello", b"", b"h"),
]
"""Messages of all protocols that say by what byte theirs begin."""


@pytest.mark.parametrize("protocol", [*PROTOCOLS, GENERIC], ids=lambda each: each.inner)
def test_first_bytes_and_words_leave_none_out(protocol):
    # They only save asking: what they rule out would have been denied too.
    rest = [random.Random(place).randbytes(12) for place in range(16)]
    texts = [bytes([first]) + each[1:] for first in range(256) for each in (*RECORDED, *rest)]
    ruled_out = [each for each in texts if protocol.begins and each[:1] not in protocol.begins]
    words = (*protocol.needs, b"\\")
    texts += [each.replace(b'"', b"'") for each in RECORDED]
    ruled_out += [
        each for each in texts if protocol.needs and not any(word in each for word in words)
    ]
    assert not any(
        protocol.looks(each, sender, is_text)
        for each in ruled_out
        for sender in (0, 1)
        for is_text in (True, False)
    )


@pytest.mark.parametrize(
    ("inner", "payload"),
    [
        ("graphql-transport-ws", b'{"ty\\u0070e":"connection_init"}'),
        ("cdp", b'{"id":1,"\\u006dethod":"Page.enable"}'),
        ("action-cable", b'{"typ\\u0065":"confirm_subscription"}'),
    ],
)
def test_names_with_escapes(inner, payload):
    # RFC 8259 7: any character of a string may be escaped, in the name of a member too.
    assert see(payload, payload)[0] == [None, inner]
    plain = json.dumps(json.loads(payload)).encode()
    assert see(plain, plain)[0] == [None, inner]


def test_any_json_with_escaped_name():
    payload = b'{"typ\\u0065":"tick"}'
    assert see(payload, payload, generic=GENERIC)[0] == [None, "json"]


# --- joined in the middle


def joined(*messages, generic=GENERIC):
    """What is recognised after each message (sender, payload); text if it is str."""
    recogniser = Recogniser(Setting(joined=True), JOINED, generic)
    found = []
    for sender, payload in messages:
        is_text = isinstance(payload, str)
        found.append(recogniser.see(payload.encode() if is_text else payload, sender, is_text))
        if found[-1] is not None:
            break
    return [None if each is None else each.inner for each in found]


PUBLISHED = [b"\x30\x0a\0\x03a/b" + b"text" + digit for digit in (b"1", b"2")]


def test_two_different_messages_in_the_middle():
    one, other = PUBLISHED
    assert joined((1, one), (1, other)) == [None, "mqtt"]
    # The same for ever is no second sign.
    assert set(joined(*[(1, one)] * TRIES)) == {None}
    assert joined((0, b"\xc0\0"), (1, b"\xd0\0")) == [None, "mqtt"]
    assert set(joined(*[(0, b"\xc0\0")] * 40)) == {None}


def test_one_message_that_is_not_allowed_denies():
    one, other = PUBLISHED
    assert joined((1, one), (0, b"\x30\x01x"), (1, other)) == [None] * 3
    assert joined((0, b"\x01"), (1, one), (1, other)) == [None] * 3
    assert joined((1, one), (1, "text"), (1, other)) == [None] * 3


def test_acknowledgements_alone_are_no_sign():
    # As floating-point numbers a little above 2 are written: 2.03125, 2.0312502, ...
    numbers = [struct.pack(">f", 2.03125 + step * 2**-22) for step in range(1, TRIES + 1)]
    assert {number[:2] for number in numbers} == {b"\x40\x02"}
    assert set(joined(*[(step % 2, each) for step, each in enumerate(numbers)])) == {None}


@pytest.mark.parametrize(
    ("inner", "messages"),
    [
        ("wamp", [(0, '[48,1,{},"a.b"]'), (1, "[50,1,{},[3]]")]),
        ("wamp", [(1, b"\x94\x24\x01\x02\x80"), (1, b"\x95\x24\x01\x02\x80\x91\x01"),
                  (1, b"\x95\x24\x01\x02\x80\x91\x02")]),
        ("wamp", [(1, b"\x85\x18\x24\x01\x02\xa0\x81\x01"),
                  (1, b"\x85\x18\x24\x01\x02\xa0\x81\x02")]),
        ("ocpp", [(0, '[2,"1","Heartbeat",{}]'), (1, '[3,"1",{}]'), (0, '[2,"2","Heartbeat",{}]')]),
        ("signalr", [(1, b"\x08\x95\x01\x80\xc0\xa1m\x91\x01"),
                     (1, b"\x08\x95\x01\x80\xc0\xa1m\x91\x02")]),
        ("sockjs", [(1, 'a["x"]'), (0, '["y"]'), (1, "h"), (1, 'a["z"]')]),
        ("phoenix", [(1, '[null,null,"room:1","say",{}]'),
                     (1, '[null,null,"room:1","say",{"n":1}]')]),
        ("pusher", [(1, '{"event":"e","channel":"c","data":"{}"}'),
                    (1, '{"event":"pusher:pong"}')]),
        ("ddp", [(1, '{"msg":"ping"}'), (0, '{"msg":"pong"}'), (1, '{"msg":"result","id":"1"}'),
                 (1, '{"msg":"updated","methods":["1"]}')]),
        ("centrifugo", [(1, '{"push":{"channel":"c","pub":{"data":1}}}'),
                        (1, '{"push":{"channel":"c","pub":{"data":2}}}')]),
        ("home-assistant", [(0, '{"id":5,"type":"get_states"}'),
                            (1, '{"id":5,"type":"result","success":true,"result":[]}')]),
        ("graphql-transport-ws", [(1, '{"id":"1","type":"next","payload":{"errors":[]}}'),
                                  (1, '{"id":"1","type":"next","payload":{"data":1}}')]),
        ("xmpp", [(1, '<message xmlns="jabber:client"/>'), (0, " "),
                  (0, "<r xmlns='jabber:client'/>")]),
    ],
)  # fmt: skip
def test_by_own_structure(inner, messages):
    found = joined(*messages)
    assert found[-1] == inner
    # One of two that it takes, and only where it was joined.
    assert set(found[:-1]) == {None}


@pytest.mark.parametrize(
    "messages",
    [
        # A game's: code, number, object. A feed's. Arrays of strings. Objects that pair by id.
        [(0, f'[48,{n},{{"x":1}}]') for n in range(TRIES)],
        [(1, f"[36,{n},[1,2]]") for n in range(TRIES)],
        [(0, f'["say","{n}"]') for n in range(TRIES)],
        [(n % 2, f'[2,"{n}","Move",{{}}]') for n in range(TRIES)],
        [(1, f'["{n}","{n}","room","say",{{}}]') for n in range(TRIES)],
    ],
)
def test_likeness_is_not_enough(messages):
    assert set(joined(*messages)) <= {None, "json"}


@pytest.mark.parametrize(
    "members",
    [
        *({"type": "result", "id": 1}, {"type": "event", "id": 1}, {"msg": "ping"}),
        *({"event": "say", "channel": "c"}, {"event": "say", "channel": "c", "data": {}}),
        *({"id": 1, "publish": {"text": "x"}}, {"type": "data", "id": "1"}),
        *({"type": "complete", "id": "1"}, {"id": 1, "method": "add", "params": []}),
    ],
)
def test_objects_that_are_like_anothers_stay_json(members):
    messages = [(1, json.dumps(members | {"n": n, "op": "x"})) for n in range(TRIES)]
    assert joined(*messages)[-1] == "json"


def test_random_messages_in_the_middle():
    """Of 100,000 sequences of random bytes none was taken for anything."""
    chance = random.Random(11)

    def record():
        body = chance.randbytes(chance.randrange(60))
        return bytes([chance.randrange(256), len(body)]) + body

    def numbers():
        return struct.pack(">2f", chance.uniform(-5, 5), chance.uniform(-5, 5))

    sizes = (1, 2, 4, 4, 6, 8, 16, 64)
    for make in (record, numbers, lambda: chance.randbytes(chance.choice(sizes))):
        for _ in range(500):
            messages = [(chance.randrange(2), make()) for _ in range(TRIES)]
            assert set(joined(*messages)) == {None}, messages


def test_short_messages_are_no_tries():
    # Heartbeats of STOMP, which say nothing of what it is.
    beats = [b"\n"] * (2 * TRIES)
    frame = b"SEND\ndestination:/a\n\nhi\0"
    assert see(*beats, frame, frame)[0][-1] == "stomp"
    _, recogniser = see(*[b"\n"] * 100)
    assert recogniser.exhausted


def test_heartbeats_alone_are_of_no_protocol():
    """{"type":"ping"} is Action Cable's as much as anybody's."""
    pings = [(1, f'{{"type":"ping","message":{n}}}') for n in range(2 * TRIES)]
    assert set(joined(*pings)) == {None}
    said = r'{"identifier":"{\"channel\":\"Chat\"}","message":{"body":%d}}'
    assert joined(*pings[:2], (1, said % 1), (1, said % 2))[-1] == "action-cable"


def test_the_little_that_looks_like_one_is_not_called_json_in_the_middle():
    recogniser = Recogniser(Setting(joined=True), JOINED, GENERIC)
    for payload in (b'[2,"1","Heartbeat",{}]', b'[2,"2","MyOwn",{}]'):
        assert recogniser.see(payload, 0, True) is None
    assert recogniser.generic() is None
