"""Measures diagnosis: `python docs/confusion.py [SEEDS]` writes the table into docs/diagnosis.md.

Runs over all sample captures (on which nothing false is accepted), the cases under tests/cases,
and variants that captures/make/causes.py generates. SEEDS are how many variants of each maker, 8 by
default; even ones were looked at while rules were written, odd ones were not.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "captures" / "make"))

import causes  # noqa: E402

import analyzer  # noqa: E402
from analyzer.diagnosis.causes import CAUSES  # noqa: E402

PAGE = ROOT / "docs" / "diagnosis.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end of measured -->\n"

CASES: dict[str, set[str]] = {
    "101_curl_no_key": set(),
    "101_no_connection": set(),
    "close1009_lost_to_rst": {"close-lost"},
    "conformance/d07b-window-exceeded-across-messages": {"window-exceeded"},
    "conformance/h-hixie76": {"old-draft"},
    "conformance/real-websockets-window-12-exceeded": {"window-exceeded"},
    "connection_close_no_answer": {"proxy-stripped"},
    "deflate_window10_ok": set(),
    "deflate_window9_broken": {"window-exceeded"},
    "dns_5s": {"slow-handshake"},
    "dup_bridge": {"seen-twice"},
    "dup_routed_ttl": {"seen-twice"},
    "halfopen_vanished": {"peer-vanished"},
    "http400_after_101": {"not-frames"},
    "idle60": {"idle-timeout"},
    "lifetime60_busy": {"lifetime-limit"},
    "merged_two_hosts_skew": {"seen-twice"},
    "nagle_control_app40": set(),
    "nagle_split40": {"nagle-delayed-ack"},
    "oneway_client": {"one-direction"},
    "outside/blind-rst-mid": set(),
    "ping_behind_big_message": set(),
    "ping_timeout_app_blocked": {"ping-unanswered"},
    "pong_split": set(),
    "pongs_unsolicited": set(),
    "raw_html_after_101": {"not-frames"},
    "raw_json_after_101": {"not-frames"},
    "reconnect_storm": {"reconnect-storm"},
    "socketio_stays_polling": {"refused-why"},
    "stripped_http10_close": {"proxy-stripped"},
    "stripped_key_h2_to_h1": set(),
    "stripped_upgrade_426": {"proxy-stripped"},
    "torn_two_writers": {"torn-write"},
    "torn_unfinished": set(),
    "two_legs_healthy": {"two-legs"},
    "upgrade_sent_twice": {"not-frames"},
    "wrong_link_ethernet_as_raw": {"wrong-link-type"},
    "zero_window_three_times": {"slow-reader"},
    "zero_window_to_reset": {"slow-reader"},
}
"""Cases, and what is right to say; refused-why beside it says what the answer says itself."""

REAL: dict[str, set[str]] = {
    # The broker's FIN came before the client's Close, which it answered with RST.
    "mqtt-3.pcap": {"close-lost"},
    # The same; and the client took 329 ms of 504 between connect and upgrade.
    "mqtt-5.pcap": {"close-lost", "slow-handshake"},
    # An estimate, and a note.
    "http2-chromium-node.pcap": {"compression-missed"},
}
"""Sample captures of which something is said, each looked at in Wireshark; all else is false."""

BESIDE = {"refused-why", "two-legs", "seen-twice", "late-by-loss"}
"""Statements of fact (an answer's own words, packets there twice, a wait that was measured): never
false where they are said, whatever else is the cause."""


def said(path: Path) -> set[str]:
    """Return the ids that are said of a capture."""
    keys = path.with_suffix(".keys")
    options = {"keys": str(keys)} if keys.exists() else {}
    found = analyzer.analyze(path, alternatives=False, inside=False, **options).diagnoses
    return set(found["id"])


def measured(seeds: range) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Yield group, name, ids that are right, ids that are said."""
    for path in sorted((ROOT / "captures").glob("*.pcap*")):
        yield "captures", path.name, REAL.get(path.name, set()), said(path)
    for name, right in CASES.items():
        path = ROOT / "tests" / "cases" / f"{name}.pcap"
        if path.exists():
            yield "cases", name, right, said(path)
    with tempfile.TemporaryDirectory() as folder:
        for number, variant in enumerate(causes.variants(seeds)):
            path = Path(folder, "variant.pcap")
            path.write_bytes(variant.pcap)
            group = "unseen" if number % len(seeds) % 2 else "variants"
            yield group, variant.name, set(variant.right), said(path)


GROUPS = ("captures", "cases", "variants", "unseen")


def table(rows: list[tuple[str, str, set[str], set[str]]]) -> str:
    """Return the table, and what was missed and false by name."""
    counts: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    for group, name, right, found in rows:
        false = found - right - BESIDE
        for id_ in right:
            counts[id_, group, "found" if id_ in found else "missed"] += 1
        for id_ in false:
            counts[id_, group, "false"] += 1
        if right - found or false:
            words = [f"missed {id_}" for id_ in sorted(right - found)]
            words += [f"false {id_}" for id_ in sorted(false)]
            wrong.append(f"- {group}: {name}: {', '.join(words)}")
    head = "| id | " + " | ".join(GROUPS) + " |\n|---|" + "---|" * len(GROUPS) + "\n"
    lines = []
    for id_ in CAUSES:
        cells = []
        for group in GROUPS:
            three = [counts[id_, group, what] for what in ("found", "missed", "false")]
            cells.append(" / ".join(map(str, three)) if any(three) else "")
        lines.append(f"| `{id_}` | " + " | ".join(cells) + " |\n")
    sizes = Counter(group for group, *_ in rows)
    looked = ", ".join(f"{sizes[group]} {group}" for group in GROUPS)
    body = f"Looked at: {looked}. Each cell: found / missed / false.\n\n{head}{''.join(lines)}\n"
    return body + ("What was wrong:\n\n" + "\n".join(wrong) + "\n" if wrong else "")


def main() -> None:
    """Write the table into the page."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(list(measured(seeds)))
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
