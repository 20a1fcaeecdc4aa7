"""Any bytes to any decoder, in any order: nothing raises, and what is kept is bounded."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.inside.item import Item
from analyzer.inside.protocol import Setting
from analyzer.inside.registry import GENERIC, PROTOCOLS

ALL = (*PROTOCOLS, GENERIC)
NAMES = (
    *("", "v12.stomp", "mqtt", "wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"),
    *("wamp.2.json.batched", "wamp.2.cbor.batched", "base64.channel.k8s.io"),
    *("v1.kernel.websocket.jupyter.org", "centrifuge-protobuf", "graphql-ws"),
)
BEGINNINGS = (
    *(b"", b"4", b'42["', b"451-[", b"o", b"a[", b"SEND\n", b"MESSAGE\n", b"\x10", b"\x30"),
    *(b"\x96\x01", b"[48,1,{},", b'{"type":', b'{"id":1,"method":"', b'{"jsonrpc":"2.0",'),
    *(b"SIP/2.0 200 OK\r\n", b"<iq type='get' id='1'>", b"\x83\x18\x30", b'{"push":'),
    *(b"\x08\0\0\0\0\0\0\0", b'[2,"1","A",', b'{"msg":"', b"RFB 003.008\n", b"\xff\0"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(
            st.sampled_from(["id", "type", "method", "payload", "event", "channel", "push", "msg"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
PAYLOADS = (
    st.binary(max_size=64)
    | st.tuples(st.sampled_from(BEGINNINGS), st.binary(max_size=40)).map(b"".join)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | VALUES.map(lambda value: json.dumps(value).encode() + b"\x1e")
)


@pytest.mark.parametrize("protocol", ALL, ids=lambda each: each.inner)
@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(PAYLOADS, st.integers(0, 1), st.booleans(), st.booleans()), max_size=12),
)
def test_nothing_raises(protocol, name, steps):
    decoder = protocol.make(Setting(name, max_bytes=1000))
    for payload, sender, is_text, is_lost in steps:
        protocol.looks(payload, sender, is_text)
        if protocol.unwrap is not None:
            protocol.unwrap(payload, sender)
        items = decoder.take(payload, sender, is_text)
        for item in items or ():
            assert isinstance(item, Item)
            for text in (item.kind, item.name, item.id, item.reply_to, item.topic):
                assert text is None or (isinstance(text, str) and len(text) <= 600)
            hash(item.key)
        if is_lost:
            decoder.lost(sender)
        assert decoder.held_bytes <= 3000


@pytest.mark.parametrize("protocol", ALL, ids=lambda each: each.inner)
@pytest.mark.parametrize(
    "payload",
    [
        *(b"[" * 100_000, b'{"a":' * 100_000, b"<a>" * 50_000, b"\x91" * 100_000),
        *(b"\x81" * 100_000, b"9" * 100_000, b'{"id":' + b"9" * 100_000 + b"}"),
        *(b"\xff" * 1000, b'a["' + b"\\" * 10_001 + b'"]', b"42[" + b"[" * 100_000),
        *(b'{"type":"' + b"x" * 100_000 + b'"}', b'{"id":1,"id":2,"id":"\xff"}'),
    ],
    ids=range(12),
)
def test_hostile(protocol, payload):
    named = protocol.subprotocols
    for name in ("", *(each for each in NAMES if named and named.fullmatch(each))):
        for is_text in (True, False):
            decoder = protocol.make(Setting(name, max_bytes=1000))
            protocol.looks(payload, 0, is_text)
            decoder.take(payload, 0, is_text)
            decoder.take(payload, 1, is_text)
