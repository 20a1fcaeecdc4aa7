"""Cases on which other analyzers fail: what was said, what is odd, and nothing else."""

from __future__ import annotations

import tracemalloc

import pandas as pd
import peers
import pytest
from oracle.whole import Tables, assert_ties_out, grave, said, tables_of

CASES = peers.cases()


def value_of(tables: Tables, fact: str) -> object:
    """Return what the tables say of a fact in Case.expected."""
    pings = tables["pings"]
    ledger = tables["ledger"].set_index("direction")
    if fact == "pings":
        return len(pings)
    if fact == "answered":
        return int(pings["rtt_us"].notna().sum())
    if fact == "retransmitted_bytes":
        return {"client": ledger.loc["client", fact]} | (
            {"server": ledger.loc["server", fact]} if ledger.loc["server", fact] else {}
        )
    if fact == "lost_bytes":
        return ledger[fact].sum()
    if fact in ("outcome", "status", "accept_valid"):
        (value,) = tables["handshakes"][fact]
        return value
    (value,) = tables["connections"][fact]
    return value


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    case = CASES[name]
    tables = tables_of(case.pcap, payload="full")
    assert_ties_out(tables)
    if case.messages is not None:
        assert said(tables) == case.messages
    severe = {each for each in case.findings if severity(each) in ("warning", "error")}
    assert grave(tables) == severe, case.description
    assert set(case.findings) <= set(tables["findings"]["id"])
    for fact, value in case.expected.items():
        assert value_of(tables, fact) == value, fact


def severity(finding: str) -> str:
    from analyzer.findings import BY_ID

    return BY_ID[finding].severity


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_known_is_not_invented(name):
    case = CASES[name]
    messages = tables_of(case.pcap)["messages"]
    for sender, wanted in (case.messages or {}).items():
        rows = messages[messages["direction"] == sender]
        for row, (_, payload) in zip(rows.itertuples(), wanted, strict=True):
            if payload is None and row.compressed:
                assert pd.isna(row.payload_preview)
                assert pd.isna(row.payload_bytes)
            elif payload is not None:
                assert row.payload_bytes == len(payload)


RULES = [name for name, case in CASES.items() if case.description.startswith("rule broken")]


@pytest.mark.parametrize("name", RULES)
def test_a_broken_rule_is_found_where_it_was_broken(name):
    """Packets 1 to 7 are the handshakes, 8 a good message, 9 its ACK, 10 breaks the rule."""
    tables = tables_of(CASES[name].pcap, payload="full")
    findings = tables["findings"]
    rows = findings[findings["id"] == CASES[name].findings[0]]
    assert set(rows["packet"]) == {10}
    assert set(rows["connection"]) == {0}
    assert rows["rfc"].str.startswith("RFC ").all()
    first = tables["frames"].iloc[0]
    assert (first["packet_first"], first["opcode"], first["direction"]) == (8, "text", "client")
    assert said(tables)["client"][0] == ("text", b"good")


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("payload", ["none", "preview", "full"])
def test_a_bomb_is_inflated_up_to_the_limit_only(side, payload):
    case = peers.bomb(40_000_000, side)
    limits = {"payload": payload, "max_inflated_bytes": 1_000_000, "batch_bytes": 65_536}
    peaks = []
    # Imports and fixed buffers are those of a message within the limit as well.
    for data in (peers.bomb(1_000, side).pcap, peers.bomb(1_000, side).pcap, case.pcap):
        tracemalloc.start()
        tables = tables_of(data, **limits)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A few times the limit, far from the 40 MB of the message.
    assert peaks[-1] - peaks[1] < 6_000_000
    assert grave(tables) == set(case.findings)
    assert tables["messages"]["type"].tolist() == ["binary", "text"]
    if payload == "full":
        assert said(tables) == case.messages


def test_a_bomb_below_the_limit_is_a_message():
    case = peers.bomb(3_000_000)
    tables = tables_of(case.pcap, payload="full", max_inflated_bytes=3_000_000)
    assert said(tables)["server"] == [("binary", bytes(3_000_000)), ("text", b"after")]
    assert grave(tables) == set()
