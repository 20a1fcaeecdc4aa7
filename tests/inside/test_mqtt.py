"""MQTT: packets from the specifications' figures, and made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside.mqtt import Mqtt, looks
from analyzer.inside.protocol import ASK, DELIVER, PUBLISH, REPLY, REPLY_ERROR, SUBSCRIBE, Setting
from analyzer.inside.registry import MQTT as PROTOCOL


def string(text):
    return len(text).to_bytes(2) + text


def packet(kind, body, flags=0):
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


def connect(level):
    properties = b"\0" if level == 5 else b""
    return packet(1, string(b"MQTT") + bytes([level, 2, 0, 60]) + properties + string(b"me"))


def publish(topic, payload=b"", quality=0, number=0, properties=None):
    more = number.to_bytes(2) if quality else b""
    if properties is not None:
        more += bytes([len(properties)]) + properties
    return packet(3, string(topic) + more + payload, quality << 1)


PINGREQ, PINGRESP = b"\xc0\0", b"\xd0\0"


def take(*payloads, sender=0, decoder=None):
    decoder = decoder or Mqtt(Setting())
    return [decoder.take(payload, sender, False) for payload in payloads]


def test_packets():
    (items,) = take(connect(4) + publish(b"a/b", b"10", 1, 10) + PINGREQ)
    assert [item.kind for item in items] == ["CONNECT", "PUBLISH", "heartbeat"]
    item = items[1]
    assert (item.name, item.topic, item.id, item.role) == ("a/b", "a/b", "10", ASK)
    assert (item.spread, item.body) == (PUBLISH, b"10")
    ((delivered,),) = take(publish(b"a/b", b"10"), sender=1)
    assert (delivered.spread, delivered.role) == (DELIVER, 0)


@pytest.mark.parametrize(
    ("body", "kind", "role"),
    [
        (b"\0\x0a", 4, REPLY),  # PUBACK
        (b"\0\x0a\x87\0", 4, REPLY_ERROR),  # not authorized (5.0, 2.4)
        (b"\0\x0a", 5, 0),  # PUBREC: PUBREL and PUBCOMP follow
        (b"\0\x0a\x97\0", 5, REPLY_ERROR),
        (b"\0\x0a", 7, REPLY),
        (b"\0\x0a\0\x01", 9, REPLY),  # SUBACK
        (b"\0\x0a\x80", 9, REPLY_ERROR),
        (b"\0\x0a", 11, REPLY),
    ],
)
def test_acknowledgements(body, kind, role):
    ((item,),) = take(packet(kind, body), sender=1)
    assert (item.reply_to, item.role, item.key) == ("10", role, ("packet", 10))


def test_subscribe():
    decoder = Mqtt(Setting())
    body = b"\0\x05" + string(b"a/+") + b"\1" + string(b"c") + b"\0"
    ((item,),) = take(packet(8, body, 2), decoder=decoder)
    assert (item.kind, item.name, item.spread, item.id) == ("SUBSCRIBE", "a/+", SUBSCRIBE, "5")
    take(connect(5), decoder=decoder)
    ((item,),) = take(packet(8, b"\0\x05\0" + string(b"a/+") + b"\1", 2), decoder=decoder)
    assert item.name == "a/+"


def test_topic_aliases_of_each_side():
    decoder = Mqtt(Setting())
    take(connect(5), decoder=decoder)
    alias = b"\x23\0\x07"
    payloads = (publish(b"long/topic", b"x", properties=alias), publish(b"", properties=alias))
    assert [items[0].name for items in take(*payloads, decoder=decoder)] == ["long/topic"] * 2
    # The server's aliases are its own (5.0, 3.3.2.3.4).
    ((item,),) = take(publish(b"", properties=alias), sender=1, decoder=decoder)
    assert item.name is None


def test_correlation_data_of_version_5():
    decoder = Mqtt(Setting())
    take(connect(5), decoder=decoder)
    asks = b"\x08" + string(b"answers") + b"\x09" + string(b"\1\2")
    ((asked,),) = take(publish(b"q", properties=asks), decoder=decoder)
    answers = b"\x09" + string(b"\1\2")
    ((reply,),) = take(publish(b"answers", properties=answers), sender=1, decoder=decoder)
    assert (asked.role, reply.role, asked.key) == (ASK, REPLY, reply.key)
    assert asked.id == reply.reply_to == "\1\2"


@given(st.lists(st.integers(1, 40), max_size=20))
def test_any_split_gives_the_same_packets(sizes):
    data = connect(4) + publish(b"a/b", b"x" * 200, 1, 7) + PINGREQ + publish(b"c", b"")
    at, payloads = 0, []
    for size in sizes:
        payloads.append(data[at : at + size])
        at += size
    payloads.append(data[at:])
    found = [item for items in take(*payloads) for item in items]
    assert [(i.kind, i.name) for i in found] == [
        *(("CONNECT", None), ("PUBLISH", "a/b"), ("heartbeat", None), ("PUBLISH", "c")),
    ]


def test_a_publication_in_pieces_has_its_payload():
    # As MQTT.js writes it: fixed header, length of the topic, topic, payload.
    data = publish(b"a/b", b"21.5")
    found = take(data[:2], data[2:4], data[4:7], data[7:9], data[9:] + PINGREQ)
    assert [[i.kind for i in items] for items in found] == [[]] * 4 + [["PUBLISH", "heartbeat"]]
    assert found[-1][0].body == b"21.5"


def test_a_long_publication_is_told_where_it_begins():
    data = publish(b"big", b"x" * 3_000_000)
    decoder = Mqtt(Setting(max_bytes=1000))
    found = take(data[:50], data[50:2_000_000], data[2_000_000:] + PINGREQ, decoder=decoder)
    assert [[i.kind for i in items] for items in found] == [["PUBLISH"], [], ["heartbeat"]]
    assert decoder.held_bytes == 0


@pytest.mark.parametrize(
    "payload",
    [
        *(b"\0\0", b"\xf1\0", b"\x36\0", b"\x10\xff\xff\xff\xff\x01", b"\x30\x02\xff\xff"),
        *(b"\xc0\x01\0", b"\x80\x02\0\1", b"GET / HTTP/1.1\r\n", b"\x20\x02\0\0"),
    ],
)
def test_others(payload):
    assert take(payload) == [None]


def test_text_is_never_mqtt():
    assert Mqtt(Setting()).take(connect(4), 0, True) is None


def test_after_a_loss_it_goes_on_where_a_message_is_packets():
    decoder = Mqtt(Setting())
    take(publish(b"a", b"x" * 100)[:20], decoder=decoder)
    decoder.lost(0)
    found = take(b"xxxx", publish(b"b", b"y"), decoder=decoder)
    assert [[i.name for i in items] for items in found] == [[], ["b"]]


def test_recognition():
    assert looks(connect(4), 0, False)
    assert looks(connect(5), 0, False)
    assert looks(b"\x20\x02\0\0", 1, False)
    assert not looks(b"\x10\x0c\0\4HTTP", 0, False)
    assert not looks(publish(b"a", b"b"), 0, False)
    assert PROTOCOL.subprotocols.fullmatch("mqtt")
    assert PROTOCOL.subprotocols.fullmatch("mqttv3.1")
