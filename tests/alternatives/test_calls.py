"""Calls, and what they would say in messages."""

import pytest

from analyzer.alternatives.calls import call_messages, is_call, is_compared
from analyzer.http.exchanges import Exchange


def exchange(**more):
    made = {"method": "POST", "status": 200, "complete": True, "path": "/rpc", "sent": [20]}
    made |= {"content_type": "application/json", "response_body_bytes": 50}
    return Exchange(0, 0, 0, **{**made, **more})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"method": "GET", "sent": []}, True),
        ({"method": "GET", "content_type": "text/html"}, False),
        ({"content_type": "text/html; charset=utf-8"}, False),
        ({"status": 404}, False),
        ({"transport": "engine.io"}, False),
        ({"kind": "poll"}, False),
    ],
)
def test_is_call(more, expected):
    assert is_call(exchange(**more)) is expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"kind": "sse", "group": 0}, True),
        ({"kind": "sse", "sent": []}, False),
        ({"status": 404}, True),  # of a session's client
        ({"method": "GET", "sent": [], "content_type": "image/png"}, False),
        ({"method": "GET", "sent": []}, True),
    ],
)
def test_what_is_compared(more, expected):
    assert is_compared(exchange(**more)) is expected


def test_a_request_without_a_body_asks_by_its_target():
    asked, given = call_messages(exchange(method="GET", sent=[], path="/q?a=1", body=b"{}"))
    assert asked == (6, b"/q?a=1")
    assert given == (50, b"{}")


def test_coded_bodies_count_with_their_coding_undone():
    body = b"x" * 400
    found = exchange(coded=True, content_bytes=400, body=body, asked=[b"y" * 20])
    assert call_messages(found) == ((20, b"y" * 20), (400, body))
    # Chunk sizes are no payload; of what is plain and whole the body is.
    assert call_messages(exchange(piecemeal=True, content_bytes=40))[1] == (40, None)
    assert call_messages(exchange(content_bytes=50))[1] == (50, None)
