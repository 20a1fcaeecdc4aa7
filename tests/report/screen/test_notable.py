"""What stands out: counted, replaced, ranked, bounded."""

from __future__ import annotations

from oracle.sample import START, finding

from analyzer.report.screen.notable import LAST, Notable


def cause(id_, severity="warning", **more):
    return {"id": id_, "severity": severity, "connections": 2, "connection": 0, "text": "t", **more}


def test_findings_are_counted_by_kind():
    notable = Notable()
    for packet in range(3 * LAST):
        notable.finding(finding("a-b", "note", count=2, packet=packet), START)
    kind = notable.kinds["a-b"]
    assert kind.count == 6 * LAST
    assert [row["packet"] for row in kind.rows] == list(range(2 * LAST, 3 * LAST))
    assert kind.columns()["what"] == "finding"


def test_later_diagnoses_replace_earlier_ones_of_the_same_cause():
    notable = Notable()
    notable.diagnoses([cause("x", text="one"), cause("y")], START)
    notable.diagnoses([cause("x", text="two"), cause("x", text="three")], START + 1)
    assert notable.causes["x"].count == 4
    assert notable.causes["x"].text == "two", "the most costly one stands for all"
    assert [row["text"] for row in notable.causes["x"].rows] == ["three", "two"]
    assert notable.causes["y"].count == 2
    notable.diagnoses([cause("z")] * 200, START)
    assert len(notable.causes["z"].rows) == LAST


def test_causes_first_then_the_grave_ones_then_the_latest():
    notable = Notable()
    notable.finding(finding("old-note", "note"), START)
    notable.finding(finding("late-note", "note"), START + 5)
    notable.finding(finding("error", "error"), START)
    notable.finding(finding("info", "info"), START + 9)
    notable.diagnoses([cause("why", "note")], START)
    ids = [kind.id for kind in notable.ranked()]
    assert ids == ["why", "error", "late-note", "old-note", "info"]
