"""Texts of handshakes: remembered for those that are alike, without secrets."""

from analyzer.http.exchanges import Handshake
from analyzer.options import Options
from analyzer.tables.shown import Shown


def handshake(**fields):
    return Handshake(0, 0, outcome="accepted", **fields)


def test_secrets_are_hidden_unless_they_are_asked_for():
    one = handshake(path="/chat?token=abcdef123456", subprotocols_offered=("a", "b"))
    hidden, shown = Shown(Options()).of(one), Shown(Options(show_secrets=True)).of(one)
    assert "abcdef123456" not in hidden.path
    assert shown.path == "/chat?token=abcdef123456"
    assert shown.subprotocols_offered == "a, b"
    assert (shown.host, shown.server) == (None, None)


def test_only_those_that_are_alike_share_their_texts():
    shown = Shown(Options())
    first = shown.of(handshake(host="a", alike=7))
    assert shown.of(handshake(host="a", alike=7)) is first
    assert shown.of(handshake(host="b", alike=8)).host == "b"
    assert shown.of(handshake(host="c")).host == "c"
    assert shown.of(handshake(host="d")).host == "d"
