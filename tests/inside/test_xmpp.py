"""XMPP: the examples of RFC 7395 and XEP-0199; XML that would explode is not expanded."""

from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import XMPP as PROTOCOL
from analyzer.inside.xmpp import Xmpp, looks

OPEN = b'<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"\n to="example.com" version="1.0" />'


def take(*steps):
    decoder = Xmpp(Setting())
    return [decoder.take(payload, sender, True) for sender, payload in steps]


def test_stanzas():
    (opened,), (text,), (closed,) = take(
        (0, OPEN),
        (
            0,
            b"<message to='juliet@example.com' id='m&amp;1'><body/></message>",
        ),
        (0, b'<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />'),
    )
    assert (opened.kind, opened.topic) == ("open", "example.com")
    assert (text.kind, text.topic, text.id) == ("message", "juliet@example.com", "m&1")
    assert closed.kind == "close"


def test_queries():
    (asked,), (answer,), (failed,) = take(
        (0, b"<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq>"),
        (1, b"<iq type='result' id='r1'/>"),
        (1, b"<iq type='error' id='r1'><error/></iq>"),
    )
    assert (asked.kind, asked.name, asked.role) == ("iq", "query", ASK)
    assert (answer.role, failed.role, answer.key) == (REPLY, REPLY_ERROR, asked.key)


def test_pings_are_heartbeats():
    items = take(
        (1, b"<iq from='a' to='b' id='c2s1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"),
        (0, b"<iq from='b' to='a' id='c2s1' type='result'/>"),
        (0, b" "),
    )
    assert [each[0].kind for each in items] == ["heartbeat"] * 3


def test_hostile_xml():
    lol = b'<!DOCTYPE lolz [<!ENTITY lol "lol">]><lolz>&lol;</lolz>'
    assert take((0, lol)) == [None]
    deep = b"<message>" + b"<a>" * 100_000
    assert take((0, deep))[0][0].kind == "message"
    for payload in (b"<", b"<a", b"x", b"<a b='" + b"x" * 100_000, b"<a" + b" b='c'" * 50_000):
        assert take((0, payload)) == [None]


def test_recognition():
    assert looks(OPEN, 0, True)
    assert not looks(b"<open/>", 0, True)
    assert PROTOCOL.subprotocols.fullmatch("xmpp")
