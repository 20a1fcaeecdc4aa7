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
