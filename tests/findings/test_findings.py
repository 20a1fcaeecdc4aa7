from __future__ import annotations

import re

import pytest

from analyzer.findings import BY_ID, KINDS, SEVERITIES, Finding, Kind


def test_ids_are_unique_and_codes_are_places() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    assert [kind.code for kind in KINDS] == list(range(len(KINDS)))
    assert list(BY_ID.values()) == KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_kind_is_well_formed(kind: Kind) -> None:
    assert re.fullmatch(r"[a-z]+2?(-[a-z0-9]+)+", kind.id)
    assert kind.severity in SEVERITIES
    # One sentence, with at most one place for the detail.
    assert re.match(r"[A-Z{]", kind.text)
    assert kind.text.endswith(".")
    assert kind.text.count("{detail}") <= 1
    assert not re.search(r"\{(?!detail\})", kind.text)
    assert kind.rfc == "" or re.fullmatch(r"RFC \d+( [0-9A-Z.]+)?(, .+)?", kind.rfc)


def test_detail_stands_in_the_text() -> None:
    kind = Kind(0, "tcp-lost", "warning", "", "{detail} bytes were lost.")
    assert Finding(kind, detail=1448).text == "1448 bytes were lost."


def test_detail_from_traffic_is_not_taken_for_a_placeholder() -> None:
    kind = Kind(0, "http-malformed", "warning", "", "Cannot be read: {detail}.")
    assert Finding(kind, detail="{0} {detail}").text == "Cannot be read: {0} {detail}."
