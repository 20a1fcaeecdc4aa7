"""The list of messages."""

from __future__ import annotations

import io

import pytest
from oracle.sample import batches
from rich.console import Console

from analyzer.report.listing import MessageListing


def listed(*tables: str, width: int = 170) -> list[str]:
    file = io.StringIO()
    listing = MessageListing(Console(file=file, width=width), tables)
    for rows in batches():
        listing.write(rows)
    listing.close()
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def test_messages_with_gap_sizes_and_preview() -> None:
    preview = '{"text":"[bold]hi[/bold]\\x1b[31m\\u202e"}'
    assert listed("messages") == [
        "time (UTC) message type payload gap packet wire delivery reply held up preview",
        f"03:04:05.000000 0:0 ↑ text z 200 B 250 B {preview}",
        f"03:04:05.100000 0:1 ↓ text z 200 B +100 ms 250 B 7.00 ms {preview}",
    ]


def test_control_frames() -> None:
    lines = listed("frames")
    assert lines[1] == "03:04:05.000000 0 ↓ ping 4 B"
    assert lines[2] == "03:04:05.010000 0 ↑ pong 4 B +10.0 ms"
    assert lines[3] == "03:04:05.030000 0 ↑ close 4 B +20.0 ms 1000 Normal Closure"
    assert len(lines) == 4


def test_lines_are_sorted_by_time() -> None:
    """Messages leave the analysis after control frames that came later."""
    lines = listed("messages", "frames")[1:]
    assert len(lines) == 5
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)


def test_nothing_to_list() -> None:
    assert listed("pings") == []


@pytest.mark.parametrize(
    ("width", "more"),
    [
        (80, []),
        (100, ["gap", "packet"]),
        (126, ["gap", "packet", "wire", "delivery", "reply"]),
        (160, ["gap", "packet", "wire", "delivery", "reply", "held", "up"]),
    ],
)
def test_wide_terminals_are_used(width: int, more: list[str]) -> None:
    heads, *lines = listed("messages", width=width)
    assert heads == " ".join(["time (UTC) message type payload", *more, "preview"])
    assert len(lines) == 2
