"""Methods that do not keep their object alive; and that runs are freed when they are over."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path

import pytest

import analyzer
from analyzer.weak_methods import weakly

CAPTURES = Path(__file__).parents[1] / "captures"


class Adder:
    def add(self, number: int) -> int:
        return number + 1


def test_it_calls_the_method_while_its_object_lives() -> None:
    adder = Adder()
    add = weakly(adder.add)
    assert add(1) == 2
    del adder
    with pytest.raises(ReferenceError):
        add(1)


def test_a_function_stays_as_it_is() -> None:
    assert weakly(abs) is abs

    def plain() -> int:
        return 7

    assert weakly(plain) is plain


@pytest.mark.parametrize("name", ["socket-io-room.pcap", "http2-clear.pcap", "npm-ws-basic.pcap"])
def test_a_run_that_is_over_needs_no_garbage_collector(name: str) -> None:
    def live() -> Counter[str]:
        kinds = [type(each) for each in gc.get_objects()]
        return Counter(kind.__qualname__ for kind in kinds if "'analyzer." in str(kind))

    analyzer.analyze(CAPTURES / name)  # fills what is cached
    gc.collect()
    gc.disable()
    try:
        before = live()
        for _ in range(3):
            analyzer.analyze(CAPTURES / name)
        more = live() - before
    finally:
        gc.enable()
    # A few small values may wait; what holds the arrays of a run may not.
    stages = ("Pipeline", "Front", "Back", "WebSocketStage", "HttpStage", "Reassembler", "TlsStage")
    assert not set(stages) & set(more)
    assert more.total() < 100
