"""Recognition: a subprotocol's name, else two messages; never one, never likeness."""

import json
import random

import pytest

from analyzer.inside.item import Setting
from analyzer.inside.recognition import TRIES, Recogniser
from analyzer.inside.registry import GENERIC, PROTOCOLS

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
