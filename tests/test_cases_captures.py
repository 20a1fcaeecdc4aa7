"""Captures of odd link types, tunnels and lengths, whole: the answers of the cases' README.

The conversation in most of them is one: 5 messages by the client (45 bytes), 5 by the
server (30), and a clean close with code 1000 by the client.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from oracle.whole import assert_ties_out, tables_of

import analyzer
from analyzer.cli import main

CASES = Path(__file__).parent / "cases"
CAPTURES = Path(__file__).parents[1] / "captures"
LINKS = [
    "link_chdlc",
    "link_frelay",
    "link_ieee80211",
    "link_ipv4_228",
    "link_linux_sll",
    "link_loop_openbsd",
    "link_nflog",
    "link_null_be",
    "link_null_v6_24",
    "link_null_v6_30",
    "link_pktap",
    "link_ppp_ether",
    "link_radiotap",
    "link_raw12",
    "link_tun_erspan1",
    "link_tun_erspan2",
    "link_tun_erspan3",
    "link_tun_geneve",
    "link_tun_geneve_ip_aws",
    "link_tun_gre_teb",
    "link_tun_gtpu",
    "link_tun_gtpu_ext",
    "link_tun_ipip",
    "link_tun_l2tp2_ppp",
    "link_tun_llc_snap",
    "link_tun_macsec_clear",
    "link_tun_mpls2",
    "link_tun_mpls_pw",
    "link_tun_pppoe",
    "link_tun_qinq",
    "link_tun_tzsp",
    "link_tun_vxlan",
    "link_tun_vxlan_8472",
    "link_wireshark_upper",
]


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
    # A PROXY header that names a client is shown, as info; nothing is wrong.
    named = name in ("proxy_v1", "proxy_v1_own_segment", "proxy_v2")
    assert list(found["findings"]["id"]) == ["http-proxied"] * named
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
    # A PROXY header that names a client is shown, as info; nothing is wrong.
    named = name in ("proxy_v1", "proxy_v1_own_segment", "proxy_v2")
    assert list(found["findings"]["id"]) == ["http-proxied"] * named
    assert found["messages"]["retransmitted_bytes"].sum() == 0


def test_proxy_200_then_101():
    found = tables("proxy_200_then_101")
    assert found["connections"].empty
    (row,) = found["handshakes"].to_dict("records")
    assert (row["outcome"], row["status"]) == ("refused", 200)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other_har.har", "HAR"),
        ("other_netmon.cap", "Network Monitor"),
        ("other_snoop.cap", "snoop"),
        ("other_text.txt", "text"),
        ("other_zip.pcap", "zip"),
    ],
)
def test_what_is_no_capture_is_named(name, words, capsys):
    assert main.main([str(CASES / name)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    # One line: what the file is, and what to do.
    assert err.count("\n") == 1
    assert words in err
    assert "; " in err


@cache
def whole_of(name):
    return tables_of((CAPTURES / f"{name}.pcap").read_bytes(), alternatives=True)


def test_legs_whose_keys_differ():
    # A proxy with handshakes of its own: three conversations of ten questions and answers each,
    # compressed on its front alone. Two of them it connects when it has answered the client.
    found = whole_of("why-own-handshakes")
    hops = found["hops"]
    assert list(hops["matched_by"]) == ["payload"] * 6
    assert list(hops["messages"]) == [10] * 6
    ports = found["connections"].set_index("connection")["server_port"]
    assert {ports[number] for number in hops["connection_b"]} == {9109}
    assert {ports[number] for number in hops["connection_a"]} == {9107, 9108}
    assert sorted(found["connections"]["leg"]) == [0, 0, 1, 1, 2, 2]
    summary = analyzer.analyze(CAPTURES / "why-own-handshakes.pcap").summary
    assert [each["messages"] for each in summary.messages] == [30, 30]
    compared = found["alternatives"]
    assert compared[compared["scope"] == "connection"]["connection"].nunique() == 3


def test_those_who_hear_one_broadcast_are_no_legs():
    found = whole_of("why-broadcast-nodes")
    assert len(found["hops"]) == 0
    assert found["connections"]["leg"].isna().all()


@pytest.mark.parametrize("size", [1, 7 * 1024])
def test_legs_by_payload_however_the_input_is_cut(size):
    data = (CAPTURES / "why-own-handshakes.pcap").read_bytes()
    cut, at_once = (
        tables_of(data, batch_bytes=size, alternatives=True),
        whole_of("why-own-handshakes"),
    )
    for name in ("hops", "connections"):
        assert cut[name].equals(at_once[name])
