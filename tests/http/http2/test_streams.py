"""Plain exchanges over HTTP/2."""

from oracle.http2 import SERVER, Talk, capture
from oracle.whole import assert_ties_out, grave, tables_of


def http_of(talk, **options):
    tables = tables_of(capture(talk.steps), **options)
    assert_ties_out(tables)
    return tables["http"].sort_values("exchange").reset_index(drop=True), tables


def test_sizes_are_those_of_the_frames():
    talk = Talk()
    before = len(talk.steps)
    talk.request(1, "POST", "/form", b"a=1&b=2", content_type="text/plain")
    talk.answer(1, b"done" * 1000, 201, content_type="text/plain")
    asked, answered = (step[1] for step in talk.steps[before:][:2])
    rows, tables = http_of(talk)
    (row,) = rows.itertuples()
    assert (row.method, row.host, row.path, row.status) == ("POST", "example.com", "/form", 201)
    assert (row.request_body_bytes, row.response_body_bytes) == (9 + 7, 9 + 4000)
    assert row.request_header_bytes == len(asked) - 16
    assert row.response_header_bytes == len(answered) - 4009
    assert (row.messages, row.message_bytes) == (1, 4000)
    assert row.total_us > row.wait_us > 0
    # Its packets, and the ACKs of them: one to the server, three to the client.
    headers = (1 + 1 + 3 + 1) * 54
    assert row.wire_bytes == len(asked) + len(answered) + headers
    assert not grave(tables)


def test_requests_at_once_are_told_apart():
    talk = Talk()
    for stream in (1, 3, 5):
        talk.request(stream, path=f"/{stream}")
    for stream in (5, 1, 3):
        talk.answer(stream, b"x" * stream)
    rows, _ = http_of(talk)
    assert rows["path"].tolist() == ["/1", "/3", "/5"]
    assert rows["message_bytes"].tolist() == [1, 3, 5]
    assert rows["http2_stream"].tolist() == [1, 3, 5]


def test_server_sent_events():
    talk = Talk()
    talk.request(1, path="/events", accept="text/event-stream")
    talk.answer(1, b"data: a\n\n", end=False, content_type="text/event-stream")
    for number in range(4):
        talk.send(SERVER, 1, b"data: %d\n\n" % number)
    rows, _ = http_of(talk)
    assert rows["kind"].tolist() == ["sse"]
    assert rows["messages"].tolist() == [5]


def test_polls_are_a_group():
    talk = Talk()
    for number in range(12):
        talk.request(2 * number + 1, path="/news")
        talk.answer(2 * number + 1, b"[]", content_type="application/json")
        # A quiet time between polls: pings of the connection.
        for _ in range(50):
            talk.ends[SERVER].ping(b"12345678")
            talk.flush(SERVER)
            talk.flush(0)
    rows, tables = http_of(talk)
    assert set(rows["kind"]) == {"poll"}
    (group,) = tables["http_groups"].itertuples()
    assert (group.requests, group.answered) == (12, 12)


def test_an_answer_without_its_end():
    talk = Talk()
    talk.request(1)
    talk.answer(1, b"half", end=False)
    talk.reset(SERVER, 1, 2)
    rows, tables = http_of(talk)
    assert rows["status"].tolist() == [200]
    assert rows["total_us"].isna().all()
    text = tables["findings"].set_index("id").loc["http2-stream-reset", "text"]
    assert "INTERNAL_ERROR" in text


def test_interim_answers_and_trailers():
    talk = Talk()
    talk.request(1)
    server = talk.ends[SERVER]
    server.send_headers(1, [(":status", "103"), ("link", "</a>")])
    talk.flush(SERVER)
    talk.answer(1, b"body", end=False)
    server.send_headers(1, [("x-sum", "1")], end_stream=True)
    trailers = talk.flush(SERVER)
    rows, _ = http_of(talk)
    (row,) = rows.itertuples()
    assert row.status == 200
    assert row.response_body_bytes == 9 + 4 + len(trailers)
    assert row.total_us > 0
