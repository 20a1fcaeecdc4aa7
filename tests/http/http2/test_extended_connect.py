"""Extended CONNECT and its answers."""

import pytest
from oracle.http2 import CLIENT, SERVER, Talk, capture
from oracle.whole import grave, tables_of

from analyzer.http.http2.extended_connect import is_connect


def handshake_of(talk):
    tables = tables_of(capture(talk.steps))
    (row,) = tables["handshakes"].itertuples()
    return row, tables


def test_what_is_an_attempt():
    assert is_connect({":method": "CONNECT", ":protocol": "WebSocket"})
    assert not is_connect({":method": "CONNECT"})
    assert not is_connect({":method": "CONNECT", ":protocol": "connect-udp"})
    # It asks for one, though RFC 8441 4 has :protocol on CONNECT alone.
    assert is_connect({":method": "GET", ":protocol": "websocket"})
    assert not is_connect({":method": "GET"})


def test_an_accepted_attempt_has_no_key():
    talk = Talk()
    talk.connect(1, sec_websocket_protocol="chat, superchat", sec_websocket_key="x")
    talk.accept(1, sec_websocket_protocol="chat", sec_websocket_accept="y")
    row, tables = handshake_of(talk)
    assert (row.outcome, row.status, row.http_version) == ("accepted", 200, "2")
    assert (row.scheme, row.host, row.path) == ("wss", "server.example.com", "/chat")
    assert (row.subprotocol, row.version, row.http2_stream) == ("chat", "13", 1)
    assert row.origin == "http://www.example.com"
    assert tables["handshakes"]["outcome_reason"].isna().all()
    assert tables["handshakes"][["key", "accept", "accept_valid"]].isna().all(axis=None)
    # It is the first on its connection, so that opening TCP was for it.
    assert row.tcp_us == 2000
    assert row.upgrade_us == 2000
    assert not grave(tables) - {"websocket-close-abnormal"}


def test_a_later_attempt_costs_no_opening_of_tcp():
    talk = Talk()
    talk.open(1)
    talk.open(3)
    rows = tables_of(capture(talk.steps))["handshakes"]
    assert rows["tcp_us"].notna().tolist() == [True, False]
    assert rows["syn_retries"].notna().tolist() == [True, False]
    assert rows["total_us"].iloc[1] == rows["upgrade_us"].iloc[1]


def test_a_subprotocol_that_was_not_offered():
    talk = Talk()
    talk.connect(1)
    talk.accept(1, sec_websocket_protocol="chat")
    row, tables = handshake_of(talk)
    assert row.outcome == "accepted"
    assert "not offered" in row.outcome_reason
    assert "handshake-unoffered-subprotocol" in grave(tables)


@pytest.mark.parametrize("status", [301, 403, 404, 501])
def test_refusals(status):
    talk = Talk()
    talk.connect(1)
    talk.answer(1, b"no", status)
    row, tables = handshake_of(talk)
    assert (row.outcome, row.status) == ("refused", status)
    assert str(status) in row.outcome_reason
    assert row.response_bytes > 11
    assert not len(tables["connections"])


def test_reset_before_an_answer_names_the_code():
    talk = Talk()
    talk.connect(1)
    talk.reset(SERVER, 1, 7)
    row, tables = handshake_of(talk)
    assert row.outcome == "reset"
    assert row.outcome_reason == "The server reset the stream: REFUSED_STREAM."
    assert "handshake-reset" in grave(tables)


def test_an_attempt_without_an_answer():
    talk = Talk()
    talk.connect(1)
    row, _ = handshake_of(talk)
    assert row.outcome == "no-answer"


def test_the_server_must_have_said_that_it_takes_one():
    talk = Talk(enabled=False)
    talk.open(1)
    row, tables = handshake_of(talk)
    assert row.outcome == "accepted"
    assert "http2-connect-not-enabled" in grave(tables)


def test_fields_that_must_be_there():
    talk = Talk()
    heads = [(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "a")]
    talk.ends[CLIENT].config.validate_outbound_headers = False
    talk.ends[SERVER].config.validate_inbound_headers = False
    talk.ends[CLIENT].send_headers(1, heads)
    talk.flush(CLIENT)
    talk.accept(1)
    row, tables = handshake_of(talk)
    assert row.outcome == "accepted"
    assert {"http2-connect-incomplete", "handshake-bad-version"} <= grave(tables)
    text = tables["findings"].set_index("id").loc["http2-connect-incomplete", "text"]
    assert ":scheme, :path" in text
