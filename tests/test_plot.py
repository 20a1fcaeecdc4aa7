"""Pictures: what is drawn are the tables' numbers."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer import plot

CAPTURES = Path(__file__).parents[1] / "captures"


@pytest.fixture(scope="module")
def made() -> analyzer.Analysis:
    pytest.importorskip("matplotlib")
    return analyzer.analyze(CAPTURES / "socket-io-room.pcap", alternatives=False)


@pytest.mark.parametrize("draw", [plot.rate, plot.delays, plot.sizes, plot.handshakes, plot.ledger])
def test_each_can_be_saved(draw: Any, made: analyzer.Analysis) -> None:
    file = io.BytesIO()
    draw(made).figure.savefig(file, format="svg")
    assert b"<svg" in file.getvalue()


def test_bars_of_the_rate_are_the_messages(made: analyzer.Analysis) -> None:
    heights = [bar.get_height() for bar in plot.rate(made).patches]
    assert (
        sum(each for each in heights if each > 0) == (made.messages["direction"] == "client").sum()
    )
    assert (
        -sum(each for each in heights if each < 0) == (made.messages["direction"] == "server").sum()
    )


def test_sizes_count_every_message(made: analyzer.Analysis) -> None:
    counted = sum(bar.get_height() for bar in plot.sizes(made).patches)
    assert counted == made.messages["payload_bytes"].notna().sum()


def test_parts_of_the_ledger_add_up_to_what_the_websocket_connections_took() -> None:
    # Polling clients are in the ledger as well.
    made = analyzer.analyze(CAPTURES / "spring-chat.pcap", alternatives=False)
    wire = made.ledger.set_index("connection")["wire_bytes"]
    drawn = sum(bar.get_width() for bar in plot.ledger(made).patches)
    assert drawn == wire[wire.index.notna()].sum() < wire.sum()


def test_delays_end_at_one(made: analyzer.Analysis) -> None:
    for line in plot.delays(made).lines:
        assert line.get_ydata()[-1] == 1
        assert list(line.get_xdata()) == sorted(line.get_xdata())


def test_without_matplotlib(made: analyzer.Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(analyzer.OptionError, match="matplotlib"):
        plot.ledger(made)


def test_empty_tables_draw_nothing() -> None:
    pytest.importorskip("matplotlib")
    empty = analyzer.analyze(CAPTURES / "curl-https.pcap", alternatives=False)
    for draw in (plot.rate, plot.delays, plot.sizes, plot.handshakes, plot.ledger):
        draw(empty)
