"""The option --buffered as the model takes it."""

import pytest

from analyzer.alternatives.buffering import buffer_of
from analyzer.columns import NULL
from analyzer.options import Options


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ((4096, 0.5), (4096, 500_000_000)),
        ((1, 0.001), (1, 1_000_000)),
        ((8192, float("inf")), (8192, NULL)),
    ],
)
def test_bytes_and_ns(given: tuple[int, float] | None, expected: tuple[int, int] | None) -> None:
    assert buffer_of(Options(buffered=given)) == expected
