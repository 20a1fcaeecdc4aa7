"""What is kept of connections, and that limits bound it."""

from __future__ import annotations

from pathlib import Path

from analyzer import pipeline
from analyzer.options import Options
from analyzer.tables.talks import Talks

CAPTURES = Path(__file__).parents[2] / "captures"
QUIET = {"alternatives": False, "inside": False, "diagnosis": False}


def heard(name: str, **options: int) -> Talks:
    limits = Options(**QUIET, **options)  # type: ignore[arg-type]
    talks = Talks(limits)
    pipeline.run([CAPTURES / name], limits, listener=talks)
    talks.settle()
    return talks


def test_of_each_connection_head_and_messages() -> None:
    talks = heard("why-own-handshakes.pcap")
    assert len(talks.talks) == 6
    assert {len(said.keys) for talk in talks.talks.values() for said in talk.said} == {10}
    assert all(talk.key == talk.request["sec-websocket-key"] for talk in talks.talks.values())
    times = [talk.said[0].times for talk in talks.talks.values()]
    assert all(some == sorted(some) for some in times)


def test_limits() -> None:
    talks = heard("why-own-handshakes.pcap", max_path_connections=2, max_path_messages=25)
    assert len(talks.talks) == 2
    assert talks.cut == [4, 95]
    assert sum(len(said.keys) for talk in talks.talks.values() for said in talk.said) <= 25


def test_only_some() -> None:
    talks = heard("ends-client.pcap")
    talks.only = []
    talks.settle()
    assert talks.talks == {}
