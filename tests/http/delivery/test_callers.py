"""Who asks for what: parameters that tell apart, and transports known by their paths."""

from __future__ import annotations

import pytest

from analyzer.http.delivery.callers import identity, marks_of, target_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/news?after=1", "/news?after=2"),
        ("/news?since=2026-01-01", "/news"),
        ("/news?lastEventId=a7", "/news?lastEventId=a8"),
        ("/news?_=1700000000123", "/news?_=1700000001123"),
        ("/news?zz=1700000000", "/news?zz=1700000001"),
        ("/news?zz=0.7316472", "/news?zz=0.1234567"),
        ("/poll?n=0", "/poll?n=1"),
    ],
)
def test_cursors_do_not_tell_resources_apart(one, other):
    assert target_of("GET", one).resource == target_of("GET", other).resource


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/news", "/chat"),
        ("/news?room=4", "/news?room=5"),
        ("/news?member=anna&after=1", "/news?member=bela&after=1"),
        ("/item?id=1", "/item?id=2"),
        ("/search?q=a", "/search?q=b"),
    ],
)
def test_other_parameters_do(one, other):
    assert target_of("GET", one).resource != target_of("GET", other).resource


def test_only_what_keeps_caches_away_is_no_state():
    assert target_of("GET", "/a?_=1").state == target_of("GET", "/a?_=2").state
    assert target_of("GET", "/a?after=1").state != target_of("GET", "/a?after=2").state


def test_parameters_that_name_a_client_or_count_pages():
    assert target_of("GET", "/a?member=anna").names_client
    assert not target_of("GET", "/a?room=x").names_client
    assert target_of("GET", "/a?page=2").paged
    assert not target_of("GET", "/a?after=2").paged


@pytest.mark.parametrize(
    ("method", "target", "transport", "kind", "session"),
    [
        ("GET", "/socket.io/?EIO=4&transport=polling&t=x", "engine.io", "long-poll", ""),
        ("GET", "/e/?EIO=3&transport=polling&sid=S", "engine.io", "long-poll", "S"),
        ("POST", "/socket.io/?EIO=4&transport=polling&sid=S", "engine.io", "plain", "S"),
        ("GET", "/socket.io/?EIO=4&transport=websocket", "", "", ""),
        ("POST", "/echo/628/wkvzntlc/xhr", "sockjs", "long-poll", "628/wkvzntlc"),
        ("POST", "/echo/628/wkvzntlc/xhr_streaming", "sockjs", "stream", "628/wkvzntlc"),
        ("POST", "/echo/628/wkvzntlc/xhr_send", "sockjs", "plain", "628/wkvzntlc"),
        ("GET", "/echo/628/wkvzntlc/eventsource", "sockjs", "sse", "628/wkvzntlc"),
        ("GET", "/a/b/628/wkvzntlc/jsonp?c=cb", "sockjs", "long-poll", "628/wkvzntlc"),
        ("GET", "/users/anna/eventsource", "", "", ""),
        ("GET", "/echo/628/wkvzntlc/xhr", "", "", ""),
        ("POST", "/echo/6.8/wkvzntlc/xhr", "", "", ""),
        ("GET", "/echo/info", "", "", ""),
    ],
)
def test_transports(method, target, transport, kind, session):
    found = target_of(method, target)
    assert (found.transport, found.kind, found.session) == (transport, kind, session)


def test_identity_is_session_else_cookie_authorization_and_user_agent():
    ends = (0, 1, 0, 2, 80)
    same = {"host": "h", "cookie": "a=1", "user-agent": "x"}

    def who(values, target="/a", ends=ends):
        return identity(ends, marks_of(values, target_of("POST", target)))

    base = who(same)
    assert who({**same, "accept": "*/*"}, "/b") == base
    for name in ("host", "cookie", "user-agent", "authorization"):
        assert who({**same, name: "other"}) != base
    assert who(same, ends=(0, 9, 0, 2, 80)) != base
    send, ask = "/e/628/wkvzntlc/xhr_send", "/e/628/wkvzntlc/xhr"
    assert who(same, send) == who({"host": "h"}, ask) != who(same, "/e/629/wkvzntlc/xhr")


def test_of_long_targets_little_is_kept():
    one, other = (target_of("GET", "/" + 60_000 * "a" + end) for end in ("?room=1", "?room=2"))
    again = target_of("GET", "/" + 60_000 * "a" + "?room=1&since=5")
    assert max(len(one.resource), len(one.state)) < 100
    assert one.resource == again.resource != other.resource
    assert one.state != again.state
