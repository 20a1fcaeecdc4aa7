"""Generated captures of known causes: said where it is right, and nothing else said."""

from __future__ import annotations

from pathlib import Path

import causes
import pytest

import analyzer
from analyzer.tables.schema import MESSAGES

KNOWS_GAPS = any(column.name == "gap_us" for column in MESSAGES.columns)
VARIANTS = [
    variant
    for variant in causes.variants(range(2))
    if KNOWS_GAPS or not variant.name.startswith("forgotten")
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_said_and_nothing_else(variant: causes.Variant, tmp_path: Path) -> None:
    path = tmp_path / "variant.pcap"
    path.write_bytes(variant.pcap)
    found = analyzer.analyze(path, alternatives=False).diagnoses
    assert set(found["id"]) == variant.right
