"""Generated captures of known causes: said where it is right, and nothing else said."""

from __future__ import annotations

from pathlib import Path

import causes
import pytest

import analyzer

VARIANTS = list(causes.variants(range(1)))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_said_and_nothing_else(variant: causes.Variant, tmp_path: Path) -> None:
    path = tmp_path / "variant.pcap"
    path.write_bytes(variant.pcap)
    found = analyzer.analyze(path, alternatives=False).diagnoses
    assert set(found["id"]) == variant.right
