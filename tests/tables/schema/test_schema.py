"""The schema: the contract's columns, and declarations that hold together."""

from __future__ import annotations

import pytest

from analyzer.findings import SEVERITIES
from analyzer.tables import schema
from analyzer.tables.schema import TABLES, Column, Table

CONTRACT = {
    "connections": "connection tcp_stream http2_stream scheme http_version client_ip client_port "
    "server_ip server_port host path subprotocol extensions opened_at closed_at duration_s "
    "handshake_seen client_frames server_frames client_messages server_messages "
    "client_payload_bytes server_payload_bytes wire_bytes close_kind close_code close_reason "
    "closed_by lost_bytes",
    "handshakes": "handshake connection tcp_stream client_ip client_port server_ip server_port "
    "scheme http_version host path origin user_agent version key accept accept_valid status "
    "outcome outcome_reason subprotocols_offered subprotocol extensions_offered extensions "
    "request_bytes response_bytes started_at syn_retries tcp_us tls_us upgrade_us total_us "
    "first_message_us",
    "frames": "connection frame direction opcode fin rsv1 rsv2 rsv3 masked masking_key "
    "header_bytes payload_bytes message packet_first packet_last time_first time_last close_code",
    "messages": "connection message direction type frames compressed payload_bytes transfer_bytes "
    "ws_header_bytes http_bytes tls_bytes packet_header_bytes ack_bytes retransmitted_bytes "
    "wire_bytes overhead_ratio packet_first packet_last time_first time_last delivery_us "
    "stall_us payload_preview payload deflate_saved_bytes deflate_estimate_bytes",
    "pings": "connection direction ping_frame pong_frame payload_bytes rtt_us",
    "http": "tcp_stream exchange method host path status kind request_header_bytes "
    "request_body_bytes response_header_bytes response_body_bytes wire_bytes started_at wait_us "
    "total_us group messages message_bytes empty",
    "ledger": "connection tcp_stream direction wire_bytes link_bytes ip_bytes tcp_bytes "
    "duplicate_bytes retransmitted_bytes tls_bytes http_bytes ws_header_bytes ws_control_bytes "
    "transfer_bytes unparsed_bytes packets pure_acks pure_ack_bytes lost_bytes",
    "findings": "id severity connection tcp_stream packet frame rfc text count",
    "compression": "connection direction offered negotiated context_takeover window_bits messages "
    "compressed_messages inflated_messages payload_bytes transfer_bytes saved_bytes saved_ratio "
    "grown_messages grown_bytes estimated_messages estimated_payload_bytes "
    "estimated_saved_bytes estimated_ratio",
    "alternatives": "connection transport interval_s source requests packets header_bytes "
    "application_bytes wire_bytes ratio_application ratio_wire added_latency_ms_mean "
    "added_latency_ms_p95 empty_polls scope session tcp_connections messages payload_bytes "
    "duration_s requests_per_s break_even_per_s",
    "scaling": "scope transport interval_s source clients requests_per_s packets_per_s "
    "header_bits_per_s application_bits_per_s wire_bits_per_s",
    "http_groups": "group kind transport client_ip server_ip server_port host path "
    "tcp_connections requests answered empty_answers unchanged_answers empty_share messages "
    "message_bytes wire_bytes wire_bytes_per_message interval_s interval_spread_s delay_us "
    "started_at ended_at",
    "tls_sessions": "tcp_stream client_ip client_port server_ip server_port sni alpn_offered alpn "
    "version cipher_suite group resumed hello_retry started_at server_hello_us client_finished_us "
    "tls_us first_data_us client_records server_records client_record_bytes server_record_bytes "
    "alert websocket_guess",
    "calls": "call connection session inner name caller request reply request_packet "
    "reply_packet requested_at reply_us outcome items",
    "topics": "inner topic publishers subscribers messages deliveries delivered_us_median "
    "delivered_us_p95",
    "fanout": "topic publish_connection publish_message connection message delivered_us",
    "hops": "hop connection_a connection_b direction matched_by messages transit_us_median "
    "transit_us_p95 transit_us_max",
    "diagnoses": "diagnosis id severity connections connection packet seconds bytes text evidence "
    "advice",
    "series": "second connections_open handshakes client_messages server_messages "
    "client_payload_bytes server_payload_bytes client_wire_bytes server_wire_bytes "
    "delivery_us_median delivery_us_p95",
}
"""Columns by which scripts read the tables; others may only be added behind them."""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_contract(table: Table) -> None:
    expected = CONTRACT[table.name].split()
    assert [column.name for column in table.columns][: len(expected)] == expected


def test_tables_are_those_of_the_contract() -> None:
    assert [table.name for table in TABLES] == list(CONTRACT)
    assert schema.BY_NAME["frames"] is schema.FRAMES


def test_opcode_labels_are_at_their_number() -> None:
    labels = schema.OPCODES
    assert (labels[0], labels[2], labels[3], labels[8]) == (
        *("continuation", "binary", "reserved-3", "close"),
    )
    assert (labels[10], labels[11], labels[15]) == ("pong", "reserved-11", "reserved-15")


def test_ledger_parts_are_the_summands() -> None:
    assert schema.LEDGER_PARTS[0] == "link_bytes"
    assert schema.LEDGER_PARTS[-1] == "unparsed_bytes"
    assert len(schema.LEDGER_PARTS) == 11


ALL = [(table, column) for table in TABLES for column in table.columns]


@pytest.mark.parametrize(("table", "column"), ALL, ids=lambda x: str(x.name))
def test_column_is_declared_in_full(table: Table, column: Column) -> None:
    assert column.null
    assert column.text.endswith(".")
    assert "|" not in column.text + column.null
    assert bool(column.labels) == (column.type == "enum")
    quantity = column.name.removesuffix("_median").removesuffix("_p95").removesuffix("_max")
    assert quantity.endswith("_us") == (column.type == "us")
    assert [other.name for other in table.columns].count(column.name) == 1


def test_severities_are_the_findings() -> None:
    severity = next(c for c in schema.FINDINGS.columns if c.name == "severity")
    assert severity.labels == SEVERITIES
