"""Rows of tables as Python values, and types of options: by tables.row_classes.

Times are nanoseconds since 1970 in UTC, durations what their names say; None is null.
"""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple, TypedDict

from analyzer.options import OverlapPolicy, PayloadPolicy


class Message(NamedTuple):
    """One row for each WebSocket message, with what it cost on the wire."""

    connection: int
    message: int
    direction: str
    type: str
    frames: int
    compressed: bool
    payload_bytes: int | None
    transfer_bytes: int
    ws_header_bytes: int
    http_bytes: int
    tls_bytes: int
    packet_header_bytes: int
    ack_bytes: int
    retransmitted_bytes: int
    wire_bytes: int
    overhead_ratio: float | None
    packet_first: int
    packet_last: int
    time_first: int
    time_last: int
    delivery_us: float
    stall_us: float
    payload_preview: str | None
    payload: bytes | None
    deflate_saved_bytes: int | None
    deflate_estimate_bytes: int | None
    reply_us: float | None
    inner: str | None
    kind: str | None
    name: str | None
    id: str | None
    reply_to: str | None
    topic: str | None
    inner_items: int | None
    gap_us: float | None
    window_us: float
    nagle_us: float
    resent_us: float


class Call(NamedTuple):
    """One row for each call of an inner protocol: a request and its outcome."""

    call: int
    connection: int | None
    session: int | None
    inner: str
    name: str
    caller: str
    request: int | None
    reply: int | None
    request_packet: int
    reply_packet: int | None
    requested_at: int | None
    reply_us: float | None
    outcome: str
    items: int


class Handshake(NamedTuple):
    """One row for each attempt to open a WebSocket connection, including refused ones."""

    handshake: int
    connection: int | None
    tcp_stream: int
    client_ip: str
    client_port: int
    server_ip: str
    server_port: int
    scheme: str
    http_version: str | None
    host: str | None
    path: str | None
    origin: str | None
    user_agent: str | None
    version: str | None
    key: str | None
    accept: str | None
    accept_valid: bool | None
    status: int | None
    outcome: str
    outcome_reason: str | None
    subprotocols_offered: str | None
    subprotocol: str | None
    extensions_offered: str | None
    extensions: str | None
    request_bytes: int | None
    response_bytes: int | None
    started_at: int
    syn_retries: int | None
    tcp_us: float | None
    tls_us: float | None
    upgrade_us: float | None
    total_us: float | None
    first_message_us: float | None
    request_packet: int | None
    response_packet: int | None
    tls_hello_us: float | None
    tls_finish_us: float | None
    tls_version: str | None
    cipher: str | None
    alpn: str | None
    sni: str | None
    resumed: bool | None
    http2_stream: int | None
    request_at: int | None
    idle_us: float | None
    server: str | None
    refusal_preview: str | None
    dns_us: float | None
    attempts: int | None
    attempts_us: float | None
    overall_us: float | None


class OptionValues(TypedDict, total=False):
    """The fields of Options."""

    payload: PayloadPolicy
    preview_bytes: int
    show_secrets: bool
    batch_bytes: int
    max_record_bytes: int
    max_interfaces: int
    max_secret_bytes: int
    live_buffer_bytes: int
    live_block_bytes: int
    live_block_ms: int
    live_queue_bytes: int
    live_pace_s: float
    live_end_s: float
    max_screen_connections: int
    max_screen_ended: int
    max_screen_events: int
    max_screen_payload_bytes: int
    max_fragmented_datagrams: int
    fragment_timeout_s: float
    max_fragments: int
    max_tunnel_depth: int
    max_connections: int
    max_finished_connections: int
    max_remembered_packets: int
    max_held_bytes: int
    max_held_bytes_total: int
    lost_after_segments: int
    overlap_policy: OverlapPolicy
    duplicate_window_s: float
    max_idle_s: float | None
    closed_linger_s: float
    max_hello_bytes: int
    max_hello_bytes_total: int
    keys: str | PathLike[str] | tuple[str | PathLike[str], ...]
    follow_keys: bool
    max_held_tls_bytes: int
    max_encrypted_attempts: int
    max_key_log_secrets: int
    max_key_log_line_bytes: int
    max_skipped_records: int
    max_head_bytes: int
    max_early_bytes: int
    max_held_head_bytes_total: int
    max_pipelined: int
    max_remembered_keys: int
    max_delivery_body_bytes: int
    max_delivery_bytes_total: int
    max_deliveries: int
    max_held_exchanges: int
    max_group_exchanges: int
    max_http_lanes: int
    max_http_clients: int
    max_http2_streams: int
    max_http2_frame_bytes: int
    max_http2_control_frames: int
    max_header_block_bytes: int
    max_header_list_bytes: int
    max_hpack_table_bytes: int
    max_pending_messages: int
    max_message_bytes: int
    max_inflated_bytes: int
    max_probe_bytes: int
    max_probe_bytes_total: int
    resync_frames: int
    news_wait_s: float
    max_pending_pings: int
    max_names: int
    max_connect_attempts: int
    max_leg_messages: int
    leg_connect_s: float
    max_leg_candidates: int
    max_leg_pairs: int
    max_stream_legs: int
    max_early_legs: int
    max_early_messages: int
    max_undecided_messages: int
    max_path_connections: int
    max_path_messages: int
    max_handshakes_per_key: int
    max_ping_intervals: int
    max_estimated_connections: int
    max_estimated_messages: int
    max_estimated_bytes: int
    max_estimated_bytes_total: int
    inside: bool
    max_inside_bytes: int
    inside_wait_messages: int
    max_inside_wait_bytes: int
    max_inside_names: int
    max_inside_calls: int
    max_inside_sessions: int
    max_inside_topics: int
    max_inside_subscriptions: int
    max_inside_publications: int
    alternatives: bool
    poll_intervals_s: tuple[float, ...]
    long_poll_hold_s: float
    keep_alive: bool
    buffered: tuple[int, float] | None
    clients: tuple[int, ...]
    max_compared_connections: int
    max_observed_hosts: int
    max_observed_head_bytes: int
    max_hpack_bytes: int
    max_gzip_connections: int
    max_gzip_bytes: int
    max_gzip_bytes_total: int
    max_gzip_messages: int
    max_gzip_messages_total: int
    max_sessions: int
    max_session_messages: int
    max_calls_compared: int
    max_session_connections: int
    diagnosis: bool
    late_us: float
    idle_timeout_min_s: float
    same_time_share: float
    same_time_s: float
    same_moment_s: float
    max_chance: float
    long_silence_s: float
    slow_handshake_s: float
    ping_wait_min_s: float
    nagle_messages: int
    unused_life_s: float
    unused_connections: int
    slow_reader_s: float
    stall_s: float
    stall_connections: int
    stall_together_s: float
    stall_prompt_share: float
    max_stall_sends: int
    max_stall_waits: int
    chatty_us: float
    chatty_messages: int
    chatty_bytes: int
    buffered_messages: int
    buffered_share: float
    storm_connections: int
    storm_life_s: float
    storm_wait_s: float
    waste_bytes: int
    waste_messages: int
    missed_share: float
    slow_reply_s: float
    slow_reply_times: float
    slow_reply_calls: int
    max_reply_names: int
    max_diagnosed_connections: int
    max_diagnosed_attempts: int
    max_diagnoses: int
    max_anonymized_held_bytes: int
    max_anonymized_held_bytes_total: int
    series_every_s: float
    max_series_rows: int
    max_series_delays: int
    findings_per_connection: int
    max_http_groups: int
    max_samples: int
    max_failed_connects: int
