"""OCPP-J: the examples of its specification, section 4.2."""

import pytest
from oracle.spoken import heard, upgrade
from oracle.stages import TEXT, client

from analyzer.inside.ocpp import Ocpp
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import OCPP as PROTOCOL
from analyzer.inside.registry import OCPP_BY_PATH as BY_PATH

CALL = (
    b'[2,"19223201","BootNotification",{"reason":"PowerUp",'
    b'"chargingStation":{"model":"SingleSocketCharger","vendorName":"VendorX"}}]'
)
RESULT = (
    b'[3,"19223201",{"currentTime":"2013-02-01T20:53:32.486Z","interval":300,"status":"Accepted"}]'
)
FAILED = b'[4,"19223201","NotImplemented","",{}]'


def take(*steps):
    decoder = Ocpp(Setting())
    return [decoder.take(payload, sender, True) for sender, payload in steps]


def test_calls():
    (asked,), (answer,), (failed,) = take((0, CALL), (1, RESULT), (1, FAILED))
    assert (asked.kind, asked.name, asked.id) == ("CALL", "BootNotification", "19223201")
    assert (answer.kind, failed.kind) == ("CALLRESULT", "CALLERROR")
    assert (asked.role, answer.role, failed.role) == (ASK, REPLY, REPLY_ERROR)
    assert asked.key == answer.key == failed.key


def test_heartbeats():
    (asked,), (answer,), (late,) = take(
        (0, b'[2,"1","Heartbeat",{}]'), (1, b'[3,"1",{"currentTime":"x"}]'), (1, b'[3,"1",{}]')
    )
    assert (asked.kind, answer.kind, late.kind) == ("heartbeat", "heartbeat", "CALLRESULT")
    assert (asked.role, answer.role) == (ASK, REPLY)


@pytest.mark.parametrize(
    "text",
    [b"[]", b'[2,"1",{}]', b'[2,"1",7,{}]', b"[3,1,{}]", b"[9,2,3,4]", b"{}", b"x", b'[3,"1",[]]'],
)
def test_others(text):
    assert take((0, text)) == [None]


def test_recognition():
    for name in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        assert PROTOCOL.subprotocols.fullmatch(name)
    assert BY_PATH.needs_path  # [3, "1", {}] may be anything


def test_recognised_by_actions_without_subprotocol_and_path():
    """Servers need not answer with the subprotocol; then two known actions tell."""
    calls = [client(TEXT, b'[2,"%d","BootNotification",{}]' % n) for n in range(2)]
    others = [client(TEXT, b'[2,"%d","Move",{}]' % n) for n in range(2)]
    for talk, inner in ((calls, "ocpp"), (others, "json")):
        assert heard([[*upgrade("/cp/1"), *talk]])["connections"]["inner"].tolist() == [inner]
