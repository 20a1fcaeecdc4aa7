"""Extended CONNECT and its answers."""

import pytest
from h2.settings import SettingCodes
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Talk, capture, segments
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


def ids_of(tables):
    return [
        (row.id, row.rfc)
        for row in tables["findings"].itertuples()
        if not row.id.startswith("websocket-close")
    ]


def test_101_is_no_answer_of_http2():
    # RFC 9113 8.6: "HTTP/2 removes support for the 101 (Switching Protocols) informational
    # status code".
    talk = Talk()
    talk.connect(1)
    talk.ends[SERVER].send_headers(1, [(":status", "101")])
    talk.flush(SERVER)
    row, tables = handshake_of(talk)
    assert (row.outcome, row.status) == ("bad-response", 101)
    assert ids_of(tables) == [("http2-malformed", "RFC 9113 8.6")]


def test_enabled_and_then_not_is_the_servers_fault():
    # RFC 8441 3: no "value of 0 after previously sending a value of 1".
    talk = Talk()
    talk.ends[SERVER].update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 0})
    talk.flush(SERVER)
    talk.connect(1)
    talk.accept(1)
    row, tables = handshake_of(talk)
    assert row.outcome == "accepted"
    assert ids_of(tables) == [("http2-connect-setting", "RFC 8441 3")]


@pytest.mark.parametrize(
    ("content_type", "outcome"), [("text/html", "refused"), (None, "accepted")]
)
def test_a_get_with_protocol_opens_a_tunnel_only_where_it_is_answered_so(content_type, outcome):
    talk = Talk()
    heads = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "h")]
    heads += [(":protocol", "websocket"), ("sec-websocket-version", "13")]
    config = talk.ends[CLIENT].config
    config.validate_outbound_headers = config.normalize_outbound_headers = False
    talk.ends[SERVER].config.validate_inbound_headers = False
    talk.ends[CLIENT].send_headers(1, heads)
    talk.flush(CLIENT)
    fields = {"content_type": content_type} if content_type else {}
    talk.accept(1, **fields)
    talk.send(SERVER, 1, b"\x81\x02hi" if content_type is None else b"<html>")
    row, tables = handshake_of(talk)
    assert row.outcome == outcome
    assert len(tables["connections"]) == (outcome == "accepted")
    assert ids_of(tables)[0] == ("http2-connect-invalid", "RFC 8441 4")


def test_early_data_before_a_refusal():
    talk = Talk()
    talk.connect(1)
    talk.frame(CLIENT, 1, 1, b"x")
    talk.answer(1, b"<p>no such place</p>", 404, server="nginx")
    row, tables = handshake_of(talk)
    assert [each for each, _ in ids_of(tables)] == ["handshake-early-data", "handshake-refused"]
    assert (row.server, row.refusal_preview) == ("nginx", "<p>no such place</p>")


def test_what_the_unseen_table_of_heads_has_may_have_been_sent():
    # The capture begins behind the first request: the fields of the second refer to it (RFC 7541
    # 2.3.2), so that nobody knows whether it has a version, an authority or subprotocols.
    talk = Talk()
    heads = [(":method", "GET"), (":scheme", "https"), (":path", "/")]
    heads += [(":authority", "server.example.com"), ("sec-websocket-version", "13")]
    heads += [("sec-websocket-protocol", "chat.v2")]
    talk.ends[CLIENT].send_headers(1, heads, end_stream=True)
    talk.flush(CLIENT)
    talk.answer(1, b"hello", sec_websocket_protocol="chat.v2")
    begun = len(talk.steps)
    talk.connect(3, path="/other", sec_websocket_protocol="chat.v2")
    talk.accept(3, sec_websocket_protocol="chat.v2")
    for _ in range(4):
        talk.frame(CLIENT, 3, 1, b"hello")
        talk.frame(SERVER, 3, 1, b"hello")
    packets = segments(talk.steps, acks=False, syn=False)[begun:]
    tables = tables_of(pcap(packets, nanoseconds=True))
    ids = [each for each, _ in ids_of(tables)]
    assert not [each for each in ids if each.startswith(("http2-connect", "handshake"))]
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"]
    assert tables["handshakes"]["host"].isna().all()


def test_a_whole_request_without_its_fields_is_blamed():
    talk = Talk()
    heads = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
    config = talk.ends[CLIENT].config
    config.validate_outbound_headers = config.normalize_outbound_headers = False
    talk.ends[SERVER].config.validate_inbound_headers = False
    talk.ends[CLIENT].send_headers(1, heads)
    talk.flush(CLIENT)
    talk.accept(1)
    _, tables = handshake_of(talk)
    ids = [each for each, _ in ids_of(tables)]
    assert sorted(ids) == ["handshake-bad-version", "http2-connect-incomplete"]
