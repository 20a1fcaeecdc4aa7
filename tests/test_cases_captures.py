"""Captures of odd link types, tunnels and lengths, whole: the answers of the cases' README.

The conversation in most of them is one: 5 messages by the client (45 bytes), 5 by the
server (30), and a clean close with code 1000 by the client.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.whole import assert_ties_out, tables_of

CASES = Path(__file__).parent / "cases"
LINKS = sorted(path.stem for path in CASES.glob("link_*.pcap"))


def tables(name):
    (path,) = [*CASES.glob(f"{name}.pcap*"), *CASES.glob(f"outside/{name}.pcap")]
    found = tables_of(path.read_bytes())
    assert_ties_out(found)
    return found


def assert_conversation(row):
    assert (row["client_messages"], row["server_messages"]) == (5, 5)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (45, 30)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")


@pytest.mark.parametrize(
    "name",
    [
        *LINKS,
        "proxy_v1",
        "proxy_v1_own_segment",
        "proxy_v1_unknown",
        "proxy_v2",
        "pcapdroid_trailer",
    ],
)
def test_conversation(name):
    found = tables(name)
    (row,) = found["connections"].to_dict("records")
    assert_conversation(row)
    if "_v6_" in name:
        assert row["client_ip"] == row["server_ip"] == "::1"
    elif not name.startswith("proxy_"):
        assert (row["client_ip"], row["client_port"]) == ("10.1.0.5", 56000)
    assert found["findings"].empty
    if name == "pcapdroid_trailer":
        assert row["wire_bytes"] == 3431


def test_two_link_types():
    found = tables("two_link_types")
    assert len(found["connections"]) == 2
    for row in found["connections"].to_dict("records"):
        assert_conversation(row)


def test_wrong_link_ethernet_as_raw():
    found = tables("wrong_link_ethernet_as_raw")
    (row,) = found["connections"].to_dict("records")
    assert_conversation(row)
    assert row["wire_bytes"] == 2311
    (finding,) = found["findings"].to_dict("records")
    assert (finding["id"], finding["packet"]) == ("packets-wrong-link-type", 1)
    assert "Ethernet" in finding["text"]


def test_caplen_over_len():
    found = tables("caplen-over-len")
    (row,) = found["connections"].to_dict("records")
    assert found["ledger"]["wire_bytes"].sum() == row["wire_bytes"] == 929
    assert (row["client_messages"], row["client_payload_bytes"]) == (1, 5)
    assert (row["close_kind"], row["closed_by"]) == ("fin", "client")
    odd = found["findings"].set_index("id")
    assert odd.loc["packets-captured-too-long", "packet"] == 1
    assert "12 packets" in odd.loc["packets-captured-too-long", "text"]


@pytest.mark.parametrize("name", ["pcapng_ts_ms", "pcapng_ts_ns", "pcapng_ts_offset"])
def test_time_stamps(name):
    found = tables(name)
    assert str(found["connections"]["opened_at"][0]).startswith("2025-10-09 08:53:20")
    assert round(found["pings"]["rtt_us"][0], -2) == 30_000
    assert found["connections"]["closed_by"][0] == "client"
    assert found["connections"]["close_kind"][0] == "fin"


def test_tso_len0():
    (row,) = tables("tso_len0")["connections"].to_dict("records")
    assert (row["client_messages"], row["server_messages"]) == (6, 7)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (10_285, 25_635)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")


def test_tso_len0_all():
    (row,) = tables("tso_len0_all")["connections"].to_dict("records")
    assert (row["client_messages"], row["client_payload_bytes"]) == (2, 51)
    assert (row["close_kind"], row["closed_by"]) == ("fin", "client")


@pytest.mark.parametrize("name", ["tcp_keepalive_empty", "tcp_keepalive_garbage"])
def test_keep_alive(name):
    found = tables(name)
    (row,) = found["connections"].to_dict("records")
    assert (row["client_messages"], row["server_messages"]) == (2, 1)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (15, 10)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert found["findings"].empty
    assert found["messages"]["retransmitted_bytes"].sum() == 0


def test_proxy_200_then_101():
    found = tables("proxy_200_then_101")
    assert found["connections"].empty
    (row,) = found["handshakes"].to_dict("records")
    assert (row["outcome"], row["status"]) == ("refused", 200)
