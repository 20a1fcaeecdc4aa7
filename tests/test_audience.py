"""Who listens to payload, through the whole pipeline: nobody listens longer than somebody wants."""

import pytest
from oracle.chats import captured, chat, one
from oracle.live import Recorder, replay
from oracle.whole import tables_of

from analyzer.alternatives.sampling import Sampler
from analyzer.audience import Audience
from analyzer.inside.stage import InsideStage
from analyzer.options import Options
from analyzer.websocket.stage import WebSocketStage

NOISE = [(100 * n, "server", bytes([n]) * 400) for n in range(1, 60)]


def test_nobody_listens():
    stage = WebSocketStage(Options(inside=False, alternatives=False))
    Audience(stage, None, None)
    assert stage.hearing.listener is None


@pytest.mark.parametrize("batch", [300, 1 << 20])
def test_a_protocol_that_is_not_known_is_heard_as_far_as_gzip_wants(batch):
    """The reader of protocols gives up before; what gzip saves is known all the same."""
    data = captured(chat(said=NOISE, end=9_999))
    row = one(data, "sse", batch_bytes=batch)
    # Each message is one byte 400 times: a stream carries it in a few bytes.
    assert row["gzip_application_bytes"] < row["application_bytes"] - 59 * 380
    assert row["gzip_error_bytes"] == 0
    plain = one(data, "sse", batch_bytes=batch, inside=False)
    assert plain["gzip_application_bytes"] == row["gzip_application_bytes"]


@pytest.mark.parametrize("limit", ["max_gzip_messages", "max_gzip_messages_total"])
def test_nobody_listens_once_the_sample_is_full(limit, monkeypatch):
    """Three messages of the server are heard, and none of the client."""
    heard = []
    hear = Sampler.hear
    monkeypatch.setattr(Sampler, "hear", lambda self, said: heard.append(said) or hear(self, said))
    both = [(at + 50 * n, side, said) for at, _, said in NOISE[:12]
            for n, side in enumerate(("server", "client"))]  # fmt: skip
    # A packet in each batch.
    tables_of(
        captured(chat(said=both, end=9_999)),
        batch_bytes=300,
        inside=False,
        alternatives=True,
        **{limit: 3},
    )
    sides = [direction & 1 for said in heard for direction in said.directions]
    assert len(sides) == 3
    assert len(set(sides)) == 1


def test_alternatives_alone_change_no_other_table():
    data = captured(chat(said=NOISE, end=9_999))
    with_model, without = (
        tables_of(data, batch_bytes=300, inside=False, alternatives=each) for each in (True, False)
    )
    for name in ("messages", "frames", "connections", "findings"):
        assert with_model[name].equals(without[name]), name


class Listening(Recorder):
    def __init__(self):
        super().__init__()
        self.payloads = []

    def heard(self, said):
        numbers = said.rows["connection"].tolist(), said.rows["message"].tolist()
        self.payloads += zip(*numbers, said.payloads, strict=True)


@pytest.mark.parametrize("options", [{}, {"inside": False, "alternatives": False}])
def test_who_watches_hears_all_and_changes_no_table(options):
    """Noise is no protocol, and gzip has heard enough of it early: both listen no more."""
    watcher, plain = Listening(), Recorder()
    for each in (watcher, plain):
        replay("json-rpc-deflate.pcap", [each], Options(**options)).finish()
    assert watcher.final == plain.final
    sizes = {
        (row["connection"], row["message"]): row["payload_bytes"]
        for row in watcher.rows_of("messages")
    }
    assert {(one, two): len(payload) for one, two, payload in watcher.payloads} == sizes
    assert sum(sizes.values()) > 0


def test_who_has_heard_enough_is_left_alone_though_others_listen(monkeypatch):
    """Echoed lines of text are no protocol: after some of them nobody looks for one."""
    read = []
    hear = InsideStage.hear
    monkeypatch.setattr(
        InsideStage, "hear", lambda self, said: read.extend(said.payloads) or hear(self, said)
    )
    watcher = Listening()
    replay("lossy.pcap", [watcher]).finish()
    alone = len(read)
    assert 0 < alone < len(watcher.payloads) / 2
    assert len(watcher.payloads) == len(watcher.rows_of("messages"))


def test_no_payload_is_shown_where_none_is_wanted():
    watcher = Listening()
    replay("npm-ws-basic.pcap", [watcher], Options(payload="none")).finish()
    assert watcher.payloads == []
    assert watcher.rows_of("messages")
