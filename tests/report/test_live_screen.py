"""The lines of the screen: they fit, say what there is, and obey nothing in traffic."""

from __future__ import annotations

import io

import pytest
from oracle.live import STATS, snapshot
from oracle.rows import table_rows
from oracle.sample import HOSTILE, connection, handshake, message
from rich.console import Console

from analyzer.report.live_screen import SORTS, Choice, ordered, place_of, screen
from analyzer.report.observer import CaptureStats
from analyzer.report.rates import Rates
from analyzer.tables.schema import CONNECTIONS, FINDINGS, HANDSHAKES, MESSAGES

S = 1_000_000_000
T = 1_767_323_050 * S
SIZES = [(80, 24), (120, 40), (40, 10), (20, 4), (1, 1), (300, 100)]


def console(width=80, height=24, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=width, height=height, force_terminal=True)


def busy(**more):
    rates = Rates()
    rates.tick(T, STATS)
    rows = [connection(number, **more) for number in range(30)]
    rates.news(table_rows(CONNECTIONS, rows))
    rates.news(table_rows(HANDSHAKES, [handshake(0, 0), handshake(1, None, outcome="refused")]))
    for number in range(30):
        some = [message(place, "client", connection=number) for place in range(number)]
        if some:
            rates.news(table_rows(MESSAGES, some))
    found = {"id": "x-y", "severity": "warning", "connection": 3, "text": HOSTILE, "count": 4}
    rates.write(table_rows(FINDINGS, [found]))
    rates.tick(T + S, CaptureStats(1000, 7, 900), snapshot())
    return rates


def text_of(rates, choice=None, size=(80, 24), encoding="utf-8"):
    lines = screen(rates, choice or Choice(), console(*size, encoding), "eth0")
    return [line.plain for line in lines]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("choice", [{}, {"help": True}, {"connection": 29}, {"connection": 99}])
@pytest.mark.parametrize("rates", [Rates(), busy()], ids=["empty", "busy"])
def test_it_fits(size, choice, rates):
    the_console = console(*size)
    lines = screen(rates, Choice(**choice), the_console, "eth0" * 30)
    assert len(lines) == size[1]
    assert all(line.cell_len <= size[0] for line in lines)


def test_it_says_what_there_is():
    text = "\n".join(text_of(busy(), size=(120, 40)))
    for words in (
        *("eth0", "7 dropped", "3 connections", "median 41.0 ms", "1 failed"),
        *("435 messages/s", "modelled", "4 times", "connection 3:", "payload"),
    ):
        assert words in text, words


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_nothing_of_use_is_cut_at_usual_sizes(size):
    lines = text_of(busy(), size=size)
    assert [line for line in lines[:8] if line.endswith("…") and "warning" not in line] == []


def test_hostile_text_is_harmless():
    evil = "/\x1b]0;owned\x07\u202e[red]x[/red]"
    rates = busy(path=evil, host=HOSTILE)
    for choice in (Choice(), Choice(connection=29)):
        text = "".join(text_of(rates, choice, (200, 50)))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\x1b" in text
        assert "[red]x[/red]" in text or choice.connection is not None


def test_ascii_terminals_get_ascii():
    for choice in (Choice(), Choice(help=True), Choice(connection=29)):
        for line in text_of(busy(), choice, (80, 24), "ascii"):
            assert line.isascii()


@pytest.mark.parametrize("sort", SORTS)
def test_sorting(sort):
    rates = busy()
    numbers = [line.values["connection"] for line in ordered(rates, sort)]
    assert sorted(numbers) == list(range(30))
    if sort in ("messages", "bytes"):
        assert numbers == list(range(29, -1, -1))
    if sort == "age":
        assert numbers == list(range(30))


def test_the_chosen_one_is_marked_wherever_it_is_listed():
    rates = busy()
    for sort in SORTS:
        choice = Choice(sort=sort, chosen=17)
        marked = [line for line in text_of(rates, choice) if line.startswith("▸")]
        assert len(marked) == 1
        assert marked[0].split()[1] == "17"
    assert place_of(ordered(rates, "age"), Choice(chosen=17)) == 17
    assert place_of(ordered(rates, "age"), Choice(chosen=1234)) == 0


def test_messages_of_a_connection():
    text = text_of(busy(), Choice(connection=5))
    assert text[1].startswith("Connection 5  chat.example.com/rooms/5")
    assert sum("text" in line and "200 B" in line for line in text) == 5
    assert any("has ended" in line for line in text_of(busy(), Choice(connection=99)))


def test_paused_and_interface_down():
    rates = busy()
    rates.tick(T + 2 * S, CaptureStats(1000, 0, 1000, interface_up=False))
    head = text_of(rates, Choice(paused=True), (120, 40))[0]
    assert "[paused]" in head
    assert "interface is down" in head
