"""Kinds of findings get codes in order, and a finding puts its detail into the sentence."""

from __future__ import annotations

from analyzer.findings import kinds
from analyzer.findings.kinds import Finding, Kind


def test_the_code_of_a_kind_is_its_place():
    assert [kind.code for kind in kinds.KINDS] == list(range(len(kinds.KINDS)))
    assert {kind.id: kind for kind in kinds.KINDS} == kinds.BY_ID


def test_a_detail_stands_in_the_sentence_as_it_is():
    kind = Kind(0, "some-kind", kinds.NOTE, "", "It was {detail}, and {this} stays.")
    assert Finding(kind, detail="{detail}").text == "It was {detail}, and {this} stays."
    assert Finding(kind, detail=3).text == "It was 3, and {this} stays."
