"""SIP: the messages of RFC 7118, section 8.1, shortened."""

from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, STREAM, Setting
from analyzer.inside.registry import SIP as PROTOCOL
from analyzer.inside.sip import Sip, looks

REGISTER = (
    b"REGISTER sip:proxy.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKasudf\r\n"
    b"From: sip:alice@example.com;tag=65bnmj.34asd\r\n"
    b"Call-ID: aiuy7k9njasd\r\n"
    b"CSeq: 1 REGISTER\r\n"
    b"Content-Length: 0\r\n\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid\r\ni: aiuy7k9njasd\r\n"
    b"CSeq: 1 REGISTER\r\n\r\n"
)


def take(payload, sender=0):
    items = Sip(Setting()).take(payload, sender, True)
    return None if items is None else items[0]


def test_messages():
    asked, answer = take(REGISTER), take(OK, 1)
    assert (asked.kind, asked.name, asked.role) == ("request", "REGISTER", ASK)
    assert (answer.kind, answer.name, answer.role) == ("response", "200", REPLY)
    assert asked.key == answer.key
    assert asked.id == answer.reply_to == "aiuy7k9njasd 1"
    assert take(OK.replace(b"200 OK", b"401 Unauthorized"), 1).role == REPLY_ERROR
    assert take(OK.replace(b"200 OK", b"180 Ringing"), 1).role == STREAM
    assert take(REGISTER.replace(b"REGISTER", b"ACK")).role == 0
    assert take(b"\r\n\r\n").kind == take(b"\r\n", 1).kind == "heartbeat"


def test_others_and_recognition():
    for payload in (b"", b"GET / HTTP/1.1\r\n\r\n", b"hello", b"SIP/2.0 999 x\r\n"):
        assert take(payload) is None
        assert not looks(payload, 0, True)
    assert looks(REGISTER, 0, True)
    assert PROTOCOL.subprotocols.fullmatch("sip")
