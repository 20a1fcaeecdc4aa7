"""Options of `live`: durations and sizes as they are written."""

import pytest

from analyzer.cli.live_arguments import seconds, size
from analyzer.errors import OptionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), (" 2D ", 172_800)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "0s", "1e3s", "5 s", "nan", "5min"])
def test_no_durations(text: str) -> None:
    with pytest.raises(OptionError, match="no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5", 5), ("500kB", 500_000), ("100MB", 10**8), ("1.5 GiB", 3 * 2**29), ("10B", 10)],
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "0MB", "-1MB", "5TB", "5k", "5i"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(OptionError, match="no size"):
        size(text)
