"""Recordings of real programs: what each must say, by what its programs were told to do."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import dpkt
import pytest
from oracle.captures import pcap

import analyzer

CAPTURES = Path(__file__).parents[2] / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
TOLD = {
    name: row["expected"]["cause"] for name, row in MANIFEST.items() if "cause" in row["expected"]
}


@cache
def said(name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    rows = analyzer.analyze(CAPTURES / name, alternatives=False).diagnoses
    for row in rows.to_dict("records"):
        found.setdefault(row["id"], []).append(row | {"evidence": json.loads(row["evidence"])})
    return found


def only(name: str, id_: str) -> dict[str, Any]:
    (row,) = said(name)[id_]
    return row


@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_is_right_and_nothing_else(name: str) -> None:
    assert set(said(name)) == set(TOLD[name]["right"])


def test_idle_timeout_of_nginx() -> None:
    told, found = TOLD["why-nginx-timeout.pcap"], only("why-nginx-timeout.pcap", "idle-timeout")
    assert found["connections"] == told["connections"]
    assert found["evidence"]["T_s"] == pytest.approx(told["T_s"], abs=0.1)
    assert found["evidence"]["ended_by"] == told["ended_by"]


def test_reconnect_storm() -> None:
    told, found = TOLD["why-reconnect.pcap"], only("why-reconnect.pcap", "reconnect-storm")
    assert found["connections"] == told["times"]
    assert found["evidence"]["end"] == 'Close 1008 "token expired" by the server'


def test_blocked_event_loop() -> None:
    told, found = TOLD["why-blocked-loop.pcap"], only("why-blocked-loop.pcap", "server-stall")
    assert found["evidence"]["stalls"] == told["times"]
    for lasted in found["evidence"]["lasted_s"]:
        assert told["blocked_s"] - 0.1 < lasted < told["blocked_s"] + 0.1


def test_client_that_does_not_read() -> None:
    told, found = TOLD["why-slow-reader.pcap"], only("why-slow-reader.pcap", "slow-reader")
    assert found["evidence"]["did_not_read"] == told["side"]
    # It took a while to fill its buffers.
    assert told["pause_s"] / 2 < found["evidence"]["window_closed_s"] < told["pause_s"]


def test_nagle_over_a_path_of_20_ms() -> None:
    told, found = TOLD["why-nagle.pcap"], only("why-nagle.pcap", "nagle-delayed-ack")
    assert found["evidence"]["sent_by"] == told["side"]
    assert found["evidence"]["messages"] == told["answers"]


@pytest.mark.parametrize("name", ["why-killed-peer.pcap", "why-killed-peer-ping.pcap"])
def test_peers_that_went_away(name: str) -> None:
    assert only(name, "peer-vanished")["evidence"]["vanished"] == TOLD[name]["side"]


def test_peer_that_hangs() -> None:
    told, found = TOLD["why-hung-peer.pcap"], only("why-hung-peer.pcap", "ping-unanswered")
    assert found["evidence"]["acknowledged"] is told["acknowledged"]
    assert found["evidence"]["no_pong_of"] == told["side"]
    assert found["evidence"]["waits_s"] == [pytest.approx(2, abs=0.2)]


def test_proxies() -> None:
    found = only("why-no-upgrade.pcap", "proxy-stripped")
    assert found["evidence"]["missing"] == ["Connection", "Upgrade"]
    told, found = TOLD["why-two-hops.pcap"], only("why-two-hops.pcap", "two-legs")
    assert f"{told['conversations']} conversations are" in found["text"]
    assert found["connections"] == told["conversations"] * (told["hops"] + 1)
    told, found = TOLD["why-buffers.pcap"], only("why-buffers.pcap", "proxy-buffers")
    assert found["evidence"]["sent_by"] == told["side"]
    # The first of each group waits until the relay lets go, the last one not at all.
    assert told["collects_s"] - 0.05 < found["evidence"]["longest_s"] < told["collects_s"]


def test_streams_behind_nginx() -> None:
    manifest = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
    waits = manifest["held-stream.pcap"]["expected"]["waits"]
    evidence = only("held-stream.pcap", "stream-held")["evidence"]
    assert evidence["timed_messages"] == waits["events"]
    # By nginx's two sides: the last event of each of 8 or 9 buffers waits too, for the next one,
    # which the capture cannot show; the first buffer may hold what the client missed.
    assert waits["waited_over_50_ms"] - 35 < evidence["held_messages"] < waits["waited_over_50_ms"]
    assert 1000 * evidence["longest_s"] == pytest.approx(waits["longest_wait_ms"], rel=0.05)
    assert manifest["held-stream-off.pcap"]["expected"]["waits"]["waited_over_50_ms"] == 0
    assert analyzer.analyze(CAPTURES / "held-stream-off.pcap").diagnoses.empty


def test_both_legs_of_a_stream() -> None:
    """Through nginx, with its buffer and without: hops, and the delay of what was measured."""
    manifest = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
    for name, ids in (
        ("held-stream-legs", {"proxy-buffers", "stream-held", "two-legs"}),
        ("held-stream-off-legs", {"two-legs"}),
    ):
        waits = manifest[f"{name}.pcap"]["expected"]["waits"]
        analysis = analyzer.analyze(CAPTURES / f"{name}.pcap")
        assert set(analysis.diagnoses["id"]) == ids
        (hop,) = analysis.hops.to_dict("records")
        assert (hop["tcp_stream_a"], hop["tcp_stream_b"]) == (0, 1)
        assert hop["messages"] == waits["events"]
        assert hop["transit_us_max"] / 1000 == pytest.approx(waits["longest_wait_ms"], abs=5)
        rows = analysis.alternatives
        (real,) = rows[(rows["scope"] == "session") & (rows["source"] == "measured")].to_dict(
            "records"
        )
        assert real["messages"] == waits["events"]
        late = real["added_latency_ms_mean"]
        assert late == pytest.approx(waits["mean_wait_ms"], rel=0.15, abs=5)


def test_a_path_that_halts_and_one_that_loses() -> None:
    # Without what the receiver says of copies (RFC 2883), these are packets of a path with loss.
    data = (CAPTURES / "why-path-halts.pcap").read_bytes()
    packets = dpkt.pcap.Reader(io.BytesIO(data))
    silent, told = [], 0
    for time, packet in packets:
        at = packet.find(b"\x01\x01\x05", 20 + 20)
        raw = bytearray(packet)
        if at >= 0:
            told += 1
            raw[at : at + 2 + raw[at + 3]] = b"\x01" * (2 + raw[at + 3])
        silent.append((round(time * 1e9), bytes(raw), len(raw)))
    assert told > 5
    capture = pcap(silent, nanoseconds=True, link_type=packets.datalink())
    rows = analyzer.analyze(io.BytesIO(capture), alternatives=False).diagnoses
    assert rows["id"].tolist() == ["late-by-loss"]
    whole = analyzer.analyze(CAPTURES / "why-path-halts.pcap", alternatives=False)
    assert (whole.messages["resent_us"] == 0).all()
    assert (whole.messages["retransmitted_bytes"] > 0).any()
    assert whole.messages["message"].tolist() == sorted(whole.messages["message"])
