"""Payload that is kept for samples: within limits, and dropped where it is of no use."""

import pytest

from analyzer.http.delivery.keeping import CLIENT, SERVER, Keeping, may_tell
from analyzer.http.exchanges import Exchange
from analyzer.options import Options


def keeping(wanted=True, **options):
    made = Keeping(Options(**options))
    made.wanted = lambda exchange: wanted
    return made


def kept(made, *sizes, client=7, side=SERVER, body=None):
    """An exchange that brings messages of these sizes, and what takes them; None without room."""
    exchange, told = Exchange(0, 0, 0), made.told(client, side)
    if told is None:
        return None
    for size in sizes:
        told.add(b"x" * size, size)
    told.give(exchange, body)
    return exchange


def test_nothing_is_kept_where_nobody_asks():
    assert Keeping(Options()).told(1, SERVER) is None


def test_room_of_a_client_and_direction():
    made = keeping(max_gzip_bytes=100)
    # The message that passes the limit is taken whole; what follows is not.
    found = kept(made, 60, 60, 10, body=b"y" * 140)
    assert [len(each) for each in found.told] == [60, 60]
    assert found.body is None
    assert made.told(7, SERVER) is None
    assert [len(each) for each in kept(made, 30, side=CLIENT).asked] == [30]
    assert len(kept(made, 5, client=8).told) == 1


def test_room_in_messages_and_of_all():
    assert len(kept(keeping(max_gzip_messages=2), 1, 1, 1).told) == 2
    made = keeping(max_gzip_messages_total=3)
    assert len(kept(made, 1, 1).told) == 2
    assert len(kept(made, 1, 1, client=8).told) == 1
    assert kept(made, 1, client=9) is None
    made = keeping(max_gzip_connections=1)
    assert [kept(made, 1, client=1, side=side) is None for side in (CLIENT, SERVER)] == [False] * 2
    assert kept(made, 1, client=2) is None


def test_what_is_not_wanted_gives_its_room_back():
    made = keeping(wanted=False, max_gzip_bytes=100, max_gzip_messages_total=2)
    for _ in range(5):
        found = kept(made, 100, body=b"y" * 120)
        assert (len(found.told), len(found.body)) == (1, 120)
        made.release(found)
        assert (found.told, found.body) == ([], None)


def test_what_is_wanted_counts_on():
    made = keeping(max_gzip_bytes=100)
    found = kept(made, 50, body=b"y" * 99)
    made.release(found)
    assert found.body is not None
    # A body counts for what it has besides its messages.
    assert made.room((7, SERVER)) == 1


def test_a_body_without_messages_counts_for_one():
    made = keeping(max_gzip_messages=2)
    assert [kept(made, body=b"[]") is None for _ in range(3)] == [False, False, True]


def test_behind_a_message_of_which_a_part_is_missing_nothing_is_told():
    made, exchange = keeping(), Exchange(0, 0, 0)
    told = made.told(7, SERVER)
    for payload, size in ((b"ab", 2), (b"abc", 900), (b"ab", 2)):
        told.add(payload, size)
    told.give(exchange)
    assert exchange.told == [b"ab"]


def test_what_is_forgotten_gives_its_room_back():
    made = keeping(max_gzip_bytes=10)
    told = made.told(7, SERVER)
    told.add(b"x" * 10, 10)
    assert told.room == 0
    told.forget()
    assert (told.room, told.payloads) == (10, [])


@pytest.mark.parametrize(
    ("kind", "tells"),
    [("application/json", True), ("", True), ("text/html", False), ("text/javascript", False)],
)
def test_pages_tell_nothing(kind, tells):
    assert may_tell(kind) is tells
