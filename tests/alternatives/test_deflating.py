"""How hard programs compress, by their names."""

import pytest

from analyzer.alternatives.deflating import UNKNOWN, Levels, levels_of


@pytest.mark.parametrize(
    ("server", "agent", "levels"),
    [
        (None, None, UNKNOWN),
        ("", "", Levels(6, 6, 6)),
        ("Python/3.11 aiohttp/3.13.2", "Mozilla/5.0", Levels(6, 1, 6)),
        ("nginx/1.22.1", "Python/3.11 aiohttp/3.13.2", Levels(1, 6, 1)),
        ("x" * 300 + "nginx", None, UNKNOWN),
    ],
)
def test_levels(server, agent, levels):
    assert levels_of(server, agent) == levels
