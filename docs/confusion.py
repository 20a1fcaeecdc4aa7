"""Measures diagnosis: `python docs/confusion.py [SEEDS]` writes the table into docs/diagnosis.md.

Runs over all sample captures (on which nothing false is accepted), the cases under tests/cases,
and variants that captures/make/causes.py generates. SEEDS are how many variants of each maker and
group, 4 by default: those from 0 on were looked at while rules were written, those from UNSEEN on
were not.
"""

from __future__ import annotations

import argparse
import json
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

UNSEEN = 7000
"""First of the seeds that nobody looked at. Where one of them led to a change of a rule, take
others: 1 to 7 (odd) were spent on reconnect-storm, which took idle time-outs for a storm, 3000 on
idle-timeout, which took a server that is drained for one."""

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
    "h2_streams_refused": {"refused-why"},
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
    "proxy_200_then_101": {"refused-why"},
    "raw_html_after_101": {"not-frames"},
    "raw_json_after_101": {"not-frames"},
    "reconnect_storm": {"reconnect-storm"},
    "socketio_stays_polling": {"refused-why"},
    "stripped_http10_close": {"proxy-stripped", "refused-why"},
    "stripped_key_h2_to_h1": {"refused-why"},
    "stripped_upgrade_426": {"proxy-stripped", "refused-why"},
    "torn_two_writers": {"torn-write"},
    "torn_unfinished": set(),
    "two_legs_healthy": {"two-legs"},
    "upgrade_sent_twice": {"not-frames"},
    "wrong_link_ethernet_as_raw": {"wrong-link-type"},
    "zero_window_three_times": {"slow-reader"},
    "zero_window_to_reset": {"slow-reader"},
}
"""Cases, and what is right to say, by the table that came with them; of all others nothing is."""

FAULTS: dict[str, set[str]] = {"npm-ws-fragments-duplicate-all": {"seen-twice"}}
"""The same of captures with faults that were put into samples."""

REAL: dict[str, set[str]] = {
    # Captured with -i any on a bridge.
    "bridge-any.pcap": {"seen-twice"},
    # Both legs of a proxy, by their descriptions in the manifest.
    "connect-proxy.pcap": {"two-legs"},
    "nginx-proxy.pcapng": {"two-legs"},
    # Recorded with a forwarder that drops packets.
    "lossy.pcap": {"late-by-loss"},
    # The servers of these refuse, and say why, by the programs' logs.
    "http2-awkward-tls.pcap": {"refused-why"},
    "http2-awkward.pcap": {"refused-why"},
    "http2-hypercorn-h2c.pcap": {"refused-why"},
    "http2-hypercorn-tls.pcap": {"refused-why"},
    "http2-hypercorn.pcap": {"refused-why"},
    "python-aiohttp-refusals.pcap": {"refused-why"},
    # The broker's FIN came before the client's Close, which it answered with RST.
    "mqtt-3.pcap": {"close-lost"},
    # The same; and the client took 329 ms of 504 between connect and upgrade.
    "mqtt-5.pcap": {"close-lost", "slow-handshake"},
    # Recorded with a forwarder between their two ends that drops packets.
    "ends-client.pcap": {"late-by-loss"},
    "ends-server.pcap": {"late-by-loss"},
    # Java's client: connected, and sent nothing for 909 ms.
    "client-heads.pcap": {"slow-handshake"},
    # Several writes a message, with Nagle's algorithm on: what follows the first waits for its ACK,
    # 43 ms (packets 27 to 29).
    "tls13-records.pcap": {"nagle-delayed-ack"},
    # nginx collects events, by the times that its generator put into them.
    "held-stream.pcap": {"stream-held"},
    # Offered by the client, not accepted, and JSON: an estimate, and a note.
    "calls-chromium-delay-websocket.pcap": {"compression-missed"},
    "calls-chromium-websocket.pcap": {"compression-missed"},
    "engine-io-delay-websocket.pcap": {"compression-missed"},
    "engine-io-websocket.pcap": {"compression-missed"},
    "http2-chromium-node.pcap": {"compression-missed"},
}
"""Sample captures of which something is right, by what the programs were told or by their packets;
the manifest's `cause` has it for those that were recorded for diagnosis. All else is false."""


def real() -> dict[str, set[str]]:
    """Return what is right of each sample capture."""
    manifest = json.loads((ROOT / "captures" / "manifest.json").read_text(encoding="utf-8"))
    causes_of = {name: row["expected"].get("cause", {}) for name, row in manifest.items()}
    return REAL | {name: set(row["right"]) for name, row in causes_of.items() if row}


def said(path: Path) -> set[str]:
    """Return the ids that are said of a capture."""
    keys = path.with_suffix(".keys")
    options = {"keys": str(keys)} if keys.exists() else {}
    return set(analyzer.analyze(path, alternatives=False, **options).diagnoses["id"])


def kept() -> Iterator[tuple[str, str, set[str], Path]]:
    """Yield group, name, ids that are right, and path of each capture that is in the project."""
    for path in sorted((ROOT / "captures").glob("*.pcap*")):
        yield "captures", path.name, real().get(path.name, set()), path
    for group, folder, right in (
        ("captures", ROOT / "captures" / "faults", FAULTS),
        ("cases", ROOT / "tests" / "cases", CASES),
    ):
        for path in sorted(folder.rglob("*.pcap*")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield group, name, right.get(name, set()), path


def measured(seeds: range) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Yield group, name, ids that are right, ids that are said."""
    for group, name, right, path in kept():
        try:
            yield group, name, right, said(path)
        except analyzer.NotACaptureError:
            # Some cases are files of another kind.
            continue
    with tempfile.TemporaryDirectory() as folder:
        unseen = range(UNSEEN, UNSEEN + len(seeds))
        for group, some in (("variants", seeds), ("unseen", unseen)):
            for variant in causes.variants(some):
                path = Path(folder, "variant.pcap")
                path.write_bytes(variant.pcap)
                yield group, variant.name, set(variant.right), said(path)


GROUPS = ("captures", "cases", "variants", "unseen")


def table(rows: list[tuple[str, str, set[str], set[str]]]) -> str:
    """Return the table, and what was missed and false by name."""
    counts: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    for group, name, right, found in rows:
        false = found - right
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=4, help="variants of each kind")
    seeds = range(parser.parse_args().seeds)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(list(measured(seeds)))
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
