"""Conversations: messages in, exchanges, attempts and rows out."""

from __future__ import annotations

import pytest
from oracle.conversations import HEADER_BYTES, batch_of, cut, rows_of
from oracle.stages import REQUEST, RESPONSE
from oracle.upgrades import OK, PLAIN, SWITCH, UPGRADE, ids, payload, request, run, switching

from analyzer.columns import NULL
from analyzer.http.stage import HttpStage
from analyzer.options import Options
from analyzer.tcp.bytestream import DATA, GAP_CUT
from analyzer.websocket.negotiation import negotiate

# --- upgrades


def test_accepted_upgrade_hands_on_what_follows():
    out = run([(0, "ack"), (0, UPGRADE), (1, SWITCH + b"\x81\x02hi"), (0, "ack"), (1, b"\x8a\0")])
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.accept_valid, handshake.status) == ("accepted", True, 101)
    assert (handshake.request_bytes, handshake.response_bytes) == (len(UPGRADE), len(SWITCH))
    assert (handshake.request_packet, handshake.response_packet) == (2, 3)
    assert handshake.first_in_connection
    assert out.upgrade_rows == [0]
    first = out.rows[0]
    assert (first["offset"], first["into"], first["length"]) == (len(SWITCH), len(SWITCH), 4)
    assert (first["wire"], first["payload"]) == (0, len(SWITCH) + 4)
    assert out.rows["packet"].tolist() == [3, 4, 5]
    assert payload(out, 1) == b"\x81\x02hi\x8a\0"
    assert out.http_bytes[:2].tolist() == [len(UPGRADE), len(SWITCH)]
    assert not out.findings
    assert not out.handshakes
    assert not out.exchanges


def test_server_that_was_seen_first_is_no_client():
    out = run([(1, UPGRADE), (0, SWITCH)])
    assert out.upgrades[0].client_side == 1


def test_early_client_bytes_are_put_in_before_the_row_of_the_101():
    early = b"\x81\x80abcd"
    out = run([(0, UPGRADE), (0, early), (1, SWITCH + b"\x81\0"), (0, "ack")])
    assert out.upgrades[0].early_bytes == 6
    assert out.rows["packet"].tolist() == [2, 3, 4]
    assert out.rows["wire"].tolist()[:2] == [HEADER_BYTES + 6, 0]
    assert payload(out, 0) == early
    assert ids(out) == ["handshake-early-data"]
    assert out.http_bytes[0] == len(UPGRADE)


def test_early_bytes_in_the_segment_of_the_request():
    out = run([(0, UPGRADE + b"\x81\x80abcd"), (1, SWITCH)])
    assert payload(out, 0) == b"\x81\x80abcd"
    assert out.rows["offset"].tolist() == [len(UPGRADE)]
    assert out.upgrades[0].early_bytes == 6


def test_early_bytes_over_the_limit_become_a_gap():
    steps = [(0, UPGRADE), (0, b"a" * 60), (0, b"b" * 60), (0, b"c" * 7), (1, SWITCH)]
    out = run(steps, Options(max_early_bytes=100))
    assert payload(out, 0) == b"a" * 60
    assert out.rows["kind"].tolist() == [DATA, GAP_CUT]
    assert out.rows["length"].tolist() == [60, 67]
    assert ids(out) == ["http-early-limit", "handshake-early-data"]


def test_bytes_behind_a_refused_upgrade_are_http_again():
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    out = run([(0, UPGRADE), (0, PLAIN), (1, refusal), (1, OK)])
    (handshake,) = out.handshakes
    assert (handshake.outcome, handshake.status) == ("refused", 403)
    assert handshake.response_bytes == len(refusal)
    (exchange,) = out.exchanges
    assert (exchange.path, exchange.status, exchange.complete) == ("/a", 200, True)
    assert not len(out.rows)


@pytest.mark.parametrize(
    ("response", "outcome", "word"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic x\r\n", "refused", "Basic"),
        (b"HTTP/1.1 403 Forbidden\r\n", "refused", "Origin"),
        (b"HTTP/1.1 404 Not Found\r\n", "refused", "path"),
        (b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 7, 8\r\n", "refused", "7, 8"),
        (b"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n", "refused", "version 13"),
        (b"HTTP/1.1 400 Bad Request\r\n", "refused", "400"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n", "refused", "/login"),
        (b"HTTP/1.1 500 Oops\r\n", "refused", "500 Oops"),
        (b"HTTP/1.1 200 OK\r\n", "refused", "plain request"),
        (b"HTTP/1.1 abc\r\n", "bad-response", "not HTTP"),
    ],
)
def test_refusals_say_why(response, outcome, word):
    out = run([(0, UPGRADE), (1, response + b"Content-Length: 0\r\n\r\n")])
    (handshake,) = out.handshakes
    assert handshake.outcome == outcome
    assert word in handshake.outcome_reason
    assert not out.upgrades


@pytest.mark.parametrize(
    ("steps", "outcome", "finding"),
    [
        ([(1, "rst")], "reset", "handshake-reset"),
        ([(1, "fin")], "reset", "handshake-reset"),
        ([(0, "fin")], "no-answer", "handshake-no-answer"),
        ([(1, "ack")], "no-answer", "handshake-no-answer"),
    ],
)
def test_attempts_without_an_answer(steps, outcome, finding):
    out = run([(0, UPGRADE), *steps])
    (handshake,) = out.handshakes
    assert handshake.outcome == outcome
    assert handshake.response_first_time == NULL
    assert ids(out) == [finding]


def test_reset_says_who():
    assert "server sent RST" in run([(0, UPGRADE), (1, "rst")]).handshakes[0].outcome_reason
    assert "server sent FIN" in run([(0, UPGRADE), (1, "fin")]).handshakes[0].outcome_reason


@pytest.mark.parametrize(
    ("answer", "outcome", "finding"),
    [
        (switching(accept="wrong"), "bad-accept", "handshake-bad-accept"),
        (switching(accept=None), "bad-accept", "handshake-missing-accept"),
        (switching(Upgrade=None), "bad-response", "handshake-bad-upgrade"),
        (switching(Connection=None), "bad-response", "handshake-bad-connection"),
        (switching(Sec_WebSocket_Protocol="x"), "accepted", "handshake-unoffered-subprotocol"),
        (switching(Sec_WebSocket_Extensions="x"), "accepted", "handshake-unoffered-extension"),
    ],
)
def test_odd_101s_still_upgrade(answer, outcome, finding):
    out = run([(0, UPGRADE), (1, answer + b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert handshake.outcome == outcome
    assert handshake.outcome_reason
    assert ids(out) == [finding]
    assert payload(out, 1) == b"\x81\x02hi"


def test_101_without_a_request_is_taken():
    out = run([(1, SWITCH + b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.accept_valid) == ("accepted", None)
    assert handshake.client_side == 0
    assert handshake.request_first_time == NULL


def test_101_that_overtook_its_request_waits_for_it():
    rows = rows_of([(0, UPGRADE), (1, SWITCH + b"\x81\x02hi"), (0, b"\x81\x80abcd")])
    out = HttpStage(Options()).push(batch_of([rows[1], rows[0], rows[2]], 1, [0]))
    (handshake,) = out.upgrades
    assert handshake.accept_valid
    assert (payload(out, 1), payload(out, 0)) == (b"\x81\x02hi", b"\x81\x80abcd")
    assert not out.findings


def test_other_upgrades_are_plain():
    asked = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"
    out = run([(0, asked), (1, answer + b"\0\0\0\4"), (0, b"\x16\x03\x01\0")])
    assert not out.upgrades
    assert not out.handshakes
    assert [exchange.status for exchange in out.exchanges] == [101]
    assert payload(out, 1) == b"\0\0\0\4"


def test_upgrade_to_http2_is_answered_on_its_stream_1():
    asked = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    ok = b"\0\0\1\1\5\0\0\0\1\x88"  # HEADERS that end the stream: status 200
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    out = run([(0, asked), (1, answer + settings), (0, preface + settings), (1, ok)])
    assert not out.upgrades
    over = {exchange.http2_stream: exchange for exchange in out.exchanges}
    assert [(over[None].status, over[1].status)] == [(101, 200)]
    assert (over[1].method, over[1].path, over[1].host) == ("GET", "/a", "h")
    assert over[1].complete
    assert not len(out.rows)


def test_upgrade_inside_a_proxy_tunnel():
    connect = b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n"
    out = run(
        [
            (0, connect),
            (1, b"HTTP/1.1 200 Connection established\r\n\r\n"),
            (0, UPGRADE),
            (1, SWITCH + b"\x89\0"),
        ]
    )
    assert [(each.method, each.status, each.complete) for each in out.exchanges] == [
        ("CONNECT", 200, True)
    ]
    assert out.upgrades[0].outcome == "accepted"
    assert not out.upgrades[0].first_in_connection
    assert payload(out, 1) == b"\x89\0"
    assert not out.findings


def test_tls_inside_a_proxy_tunnel_is_handed_on():
    hello = b"\x16\x03\x01\x00\x05hello"
    out = run([(0, b"CONNECT e:443 HTTP/1.1\r\n\r\n"), (1, b"HTTP/1.0 200 OK\r\n\r\n"), (0, hello)])
    assert payload(out, 0) == hello
    assert not out.findings


def test_interim_responses_come_before_the_101():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    out = run([(0, UPGRADE), (1, hints), (1, SWITCH)])
    assert out.upgrades[0].response_bytes == len(hints) + len(SWITCH)


def test_key_used_again_is_a_finding():
    stage = HttpStage(Options())
    first = rows_of([(0, UPGRADE), (1, SWITCH)], 0)
    again = rows_of([(0, UPGRADE), (1, SWITCH)], 1, 3)
    out = stage.push(batch_of([*first, *again], 2, [0, 1]))
    assert ids(out) == ["handshake-key-reused"]
    assert [handshake.number for handshake in out.upgrades] == [0, 1]


def test_key_passed_on_by_a_proxy_is_not_used_again():
    front = rows_of([(0, UPGRADE), (1, SWITCH)], 0)
    back = rows_of([(0, UPGRADE), (1, SWITCH)], 1)
    rows = [front[0], back[0], back[1], front[1]]
    assert not HttpStage(Options()).push(batch_of(rows, 2, [0, 1])).findings


# --- exchanges


def test_exchange_counts_heads_bodies_and_packets():
    post = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
    out = run(
        [(0, "ack"), (0, post), (0, b"abc"), (1, "ack"), (1, OK), (0, "ack"), (0, PLAIN), (1, OK)]
    )
    first, second = out.exchanges
    head = len(OK) - 5
    assert (first.request_header_bytes, first.request_body_bytes) == (len(post), 3)
    assert (first.response_header_bytes, first.response_body_bytes) == (head, 5)
    assert first.wire_bytes == 5 * HEADER_BYTES + len(post) + 3 + len(OK)
    assert second.wire_bytes == 2 * HEADER_BYTES + len(PLAIN) + len(OK)
    assert (first.exchange, second.exchange) == (0, 1)
    assert first.complete
    assert out.http_bytes[:2].tolist() == [len(post) + 3 + len(PLAIN), 2 * len(OK)]


def test_pipelined_requests_get_their_own_responses():
    heads = b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(3))
    answers = b"".join(
        b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status for status in (200, 404, 500)
    )
    out = run([(0, heads), (1, answers)])
    assert [(each.path, each.status) for each in out.exchanges] == [
        ("/0", 200),
        ("/1", 404),
        ("/2", 500),
    ]


def test_pipeline_is_bounded():
    out = run([(0, PLAIN)] * 9, Options(max_pipelined=4))
    assert len(out.exchanges) == 9
    assert ids(out) == ["http-pipeline-limit"]


@pytest.mark.parametrize(
    ("method", "status", "fields"),
    [("HEAD", 200, "Content-Length: 99"), ("GET", 304, "Content-Length: 9"), ("GET", 204, "A: b")],
)
def test_responses_without_a_body(method, status, fields):
    asked = f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    answer = f"HTTP/1.1 {status} X\r\n{fields}\r\n\r\n".encode()
    out = run([(0, asked), (1, answer), (0, PLAIN), (1, OK)])
    assert [each.status for each in out.exchanges] == [status, 200]
    assert out.exchanges[0].response_body_bytes == 0


def test_chunks_with_extensions_and_trailers():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    body = b"5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX: y\r\nZ: z\r\n\r\n"
    out = run([(0, PLAIN), (1, head + body), (0, PLAIN), (1, OK)])
    assert [each.response_body_bytes for each in out.exchanges] == [len(body), 5]
    assert not out.findings


def test_body_until_close_and_event_stream():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n"
    out = run([(0, PLAIN), (1, head), (1, b"data: x\n\n"), (1, "fin")])
    (exchange,) = out.exchanges
    assert (exchange.kind, exchange.response_body_bytes, exchange.complete) == ("sse", 9, True)
    assert not run([(0, PLAIN), (1, head), (1, b"data: x\n\n")]).exchanges[0].complete


def test_response_without_its_request():
    out = run([(1, OK)])
    (exchange,) = out.exchanges
    assert (exchange.method, exchange.status, exchange.client_side) == (None, 200, 0)


# --- what is not HTTP


@pytest.mark.parametrize(
    "first",
    [
        b"\x16\x03\x01\x02\x00",
        b"\x81\x85abcdefghi",
        b"SSH-2.0-x\r\n",
        b"\0" * 9,
        b"220 mail ESMTP\r\n",
    ],
)
def test_other_protocols_are_handed_on(first):
    out = run([(0, "ack"), (0, first), (1, "ack"), (1, b"more")])
    assert payload(out, 0) == first
    assert out.rows["packet"].tolist() == [2, 3, 4]
    assert out.http_bytes[:2].tolist() == [0, 0]
    assert not out.findings


def test_rows_kept_while_undecided_are_put_in_again():
    steps = [(0, b"GE"), (1, "ack"), (0, b"T "), (0, b"\x01"), (0, b"x")]
    for places in ((), (1,), (1, 2, 3, 4)):
        stage = HttpStage(Options())
        outs = [stage.push(batch) for batch in cut(steps, places)]
        assert b"".join(payload(out, 0) for out in outs) == b"GET \x01x"
        packets = [packet for out in outs for packet in out.rows["packet"].tolist()]
        assert packets == [1, 2, 3, 4, 5]


def test_capture_that_starts_in_the_text_of_a_body_finds_the_next_upgrade():
    out = run([(1, b"tail of a body"), (0, UPGRADE), (1, SWITCH + b"\x89\0")], sides_known=False)
    assert out.upgrades[0].outcome == "accepted"
    assert payload(out, 1) == b"\x89\0"
    assert out.http_bytes[:2].tolist() == [len(UPGRADE), len(SWITCH)]
    assert not out.findings


def test_capture_that_starts_in_the_middle_finds_the_next_upgrade():
    steps = [(1, b"\0tail of a body"), (0, UPGRADE), (1, SWITCH + b"\x89\0"), (0, b"\x8a\x80abcd")]
    out = run(steps, sides_known=False)
    assert out.upgrades[0].outcome == "accepted"
    assert payload(out, 1) == b"\0tail of a body\x89\0"
    assert payload(out, 0) == b"\x8a\x80abcd"
    assert out.upgrade_rows == [1]
    assert not run(steps, sides_known=True).upgrades


def test_head_over_the_limit_is_handed_on():
    out = run(
        [(0, b"GET / HTTP/1.1\r\nA: " + b"b" * 500), (0, b"rest")], Options(max_head_bytes=256)
    )
    assert ids(out) == ["http-head-limit"]
    assert payload(out, 0).endswith(b"rest")


# --- gaps


def test_gap_in_a_body_of_known_length():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    out = run([(0, PLAIN), (1, head + b"a" * 20), (1, 50), (1, b"b" * 30), (0, PLAIN), (1, OK)])
    assert [each.status for each in out.exchanges] == [200, 200]
    assert out.exchanges[0].response_body_bytes == 50
    assert ids(out) == ["http-lost"]
    assert out.http_bytes[1] == len(head) + 50 + len(OK)


def test_gap_in_chunks_goes_on_at_the_next_head():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
    out = run([(0, PLAIN), (1, head), (1, 50), (1, b"junk"), (0, UPGRADE), (1, SWITCH)])
    assert out.upgrades[0].outcome == "accepted"
    assert not out.exchanges[0].complete


def test_gap_in_a_request_head():
    out = run([(0, UPGRADE[:80]), (0, 60), (1, "fin")])
    (handshake,) = out.handshakes
    assert (handshake.outcome, handshake.path) == ("cut", "/chat")
    assert "http-lost" in ids(out)


def test_gap_in_the_101():
    out = run([(0, UPGRADE), (1, SWITCH[:60]), (1, 80), (1, b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.status) == ("cut", 101)
    assert payload(out, 1) == b"\x81\x02hi"


@pytest.mark.parametrize(
    "answer",
    [
        RESPONSE + b"Sec-WebSocket-Protocol: chat\r\n",
        RESPONSE + b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n",
    ],
)
def test_what_a_cut_request_offered_is_not_known(answer):
    # The server is not to blame for choosing what stood in the part that was not captured.
    out = run([(0, REQUEST), (0, 90), (1, answer + b"\r\n"), (1, b"\x81\x02hi")])
    (handshake,) = out.upgrades or out.handshakes
    assert handshake.status == 101
    assert not [id_ for id_ in ids(out) if id_.startswith("handshake")]
    assert not negotiate(handshake).findings


@pytest.mark.parametrize(("captured", "path"), [(40, "/chat"), (14, None)])
def test_both_heads_cut_by_a_snap_length(captured, path):
    rest = len(UPGRADE) - captured, len(SWITCH) - captured
    steps = [(0, UPGRADE[:captured]), (0, rest[0]), (1, SWITCH[:captured]), (1, rest[1])]
    out = run([*steps, (0, b"\x81\x80abcd"), (1, b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.status, handshake.path) == ("cut", 101, path)
    assert (payload(out, 0), payload(out, 1)) == (b"\x81\x80abcd", b"\x81\x02hi")
    assert not out.exchanges


@pytest.mark.parametrize("frames", [1, 40])
def test_capture_of_the_client_alone(frames):
    steps = [(0, UPGRADE), *[(0, b"\x81\x80abcd")] * frames]
    # -1: no packet of the server was seen that could be acknowledged.
    rows = [((*row[:4], -1, *row[5:]), data) for row, data in rows_of(steps)]
    out = HttpStage(Options()).push(batch_of(rows, 1, [0]))
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.status, handshake.path) == ("cut", None, "/chat")
    assert payload(out, 0) == b"\x81\x80abcd" * frames
    assert not ids(out)


def test_a_cut_101_to_another_upgrade_is_no_attempt():
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    out = run([(0, request), (0, 40), (1, SWITCH[:40]), (1, 60), (1, b"\0\0\0")])
    assert not out.upgrades
    assert not out.handshakes


def test_start_line_in_tiny_segments_keeps_few_rows():
    steps = [(0, b"G")] + [(1, "ack")] * 5000 + [(0, b"E")]
    out = run(steps)
    assert payload(out, 0) == b"GE"
    assert len(out.rows) == 5002


def test_fin_behind_held_bytes_leaves_in_its_place():
    out = run([(0, UPGRADE), (0, b"\x88\x80abcd"), (0, "fin"), (1, SWITCH + b"\x88\0")])
    assert out.rows["packet"].tolist() == [2, 3, 4]


def test_field_names_keep_their_spelling_in_a_reason():
    upgrade = UPGRADE.replace(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12")
    out = run([(0, upgrade), (1, b"HTTP/1.1 400 No\r\n\r\n")])
    assert "Sec-WebSocket-Version is not 13" in out.handshakes[0].outcome_reason


def test_an_earlier_answer_does_not_release_what_waits_for_the_101():
    get = b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n"
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    early = b"\x81\x80abcd"
    out = run([(0, get + UPGRADE), (0, early), (1, answer), (1, SWITCH)])
    assert out.upgrades[0].early_bytes == len(early)
    assert payload(out, 0) == early
    assert ids(out) == ["handshake-early-data"]


@pytest.mark.parametrize("status", [400, 426])
@pytest.mark.parametrize(("asked", "is_about_versions"), [("13", False), ("8", True)])
def test_a_refusal_that_names_the_requests_version_wants_no_other(status, asked, is_about_versions):
    # RFC 6455 4.2.2, item 4: "If this version does not match a version understood by the server".
    answer = f"HTTP/1.1 {status} No\r\nSec-WebSocket-Version: 13, 7\r\nContent-Length: 0\r\n\r\n"
    out = run([(0, request(**{"Sec-WebSocket-Version": asked})), (1, answer.encode())])
    (handshake,) = out.handshakes
    assert "handshake-other-versions" in ids(out)  # it says what the server speaks
    assert ("another protocol version" in handshake.outcome_reason) == is_about_versions
