"""WebSocket costs: what the messages that came over plain HTTP would have cost over WebSocket.

With and without permessage-deflate. Knows lanes, headers, the packet model. Must not know tables.
Used by alternatives.rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analyzer.alternatives import lanes as layout
from analyzer.alternatives import sampling
from analyzer.alternatives.accounts import GZIP_SUMS, Account, Cost
from analyzer.alternatives.conversations import Conversations
from analyzer.alternatives.costs import mean_payload, nothing
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.packets import Traffic, answer_segments

_CLOSE_CLIENT: Final = 8.0
_CLOSE_SERVER: Final = 4.0
"""Close frames with a code, masked and not (RFC 6455 5.5.1)."""
_OFFER: Final = float(
    len("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
)
_AGREED: Final = float(len("Sec-WebSocket-Extensions: permessage-deflate\r\n"))
"""RFC 7692 7.1: as browsers offer it, and as it is agreed."""


def compressing_websocket(known: Conversations, answered: Floats) -> Cost:
    """WebSocket for messages seen over HTTP; in `gzip` what it costs with permessage-deflate."""
    cost = websocket(replace(known, coding=None), answered)
    if known.coding is not None:
        coded = websocket(known, answered)
        ways = ((sampling.FRAMES_UP, layout.POSTS), (sampling.FRAMES, layout.WRITES))
        is_known = known.coding.is_sampled(
            {way: known.answers(lane).answers > 0 for way, lane in ways}
        )
        cost.gzip = {
            name: np.where(is_known, values, np.nan)
            for name, values in (*coded.sums.items(), ("error", coded.error))
            if name in GZIP_SUMS
        }
    return cost


def websocket(known: Conversations, answered: Floats) -> Cost:
    """WebSocket: one handshake, then a frame for each message; for messages seen over HTTP.

    Args:
        known: the conversations.
        answered: client messages after which the server's own data comes at once, so that
            no pure ACK is needed.
    """
    account = Account(known)
    one = np.ones(len(known.heads))
    traffic = account.traffic
    client, server = known.answers(layout.POSTS), known.answers(layout.WRITES)
    sent, writes = client.answers, server.answers
    account.payload += client.payload_bytes + server.payload_bytes
    headers = [known.shared[f"{side}_header_bytes"] for side in ("client", "server")]
    if known.coding is not None:
        client = _deflated(account, sampling.FRAMES_UP, client, headers[0])
        server = _deflated(account, sampling.FRAMES, server, headers[1])
        headers = [np.zeros(len(one)), np.zeros(len(one))]
    per_client = headers[0] / np.maximum(sent, 1)
    per_write = headers[1] / np.maximum(writes, 1)
    record = known.wire["record"]
    packets = answer_segments(client, per_client + record, known.wire)
    traffic.client_bytes += client.payload_bytes + headers[0] + sent * record
    traffic.client_packets += packets
    traffic.server_acks += np.maximum(0, sent - answered)
    traffic.server_acks += (packets - sent) * known.wire["bulk_acks"]
    pushed = answer_segments(server, per_write + record, known.wire)
    size = per_write + server.mean_payload
    traffic.answer(writes, size, pushed, known.wire["push_acks"])
    single = Traffic(known.wire)
    single.answer(one, per_write + mean_payload(known), None, known.wire["push_acks"])
    cost = account.cost(
        "websocket",
        0,
        one,
        empty_polls=nothing(known),
        per_message=single.wire_bytes,
        observed=np.zeros(len(one), bool),
        delay=np.zeros(len(one)),
        delay_range=known.gap,
    )
    # The handshake and the closing one are no part of the steady rates.
    asked = known.of_heads(lambda heads: heads.upgrade[0])
    given = known.of_heads(lambda heads: heads.upgrade[1])
    if known.coding is not None:
        asked, given = asked + _OFFER, given + _AGREED
    traffic.ask(one, asked)
    traffic.answer(one, given)
    traffic.client_bytes += _CLOSE_CLIENT + record
    traffic.server_bytes += _CLOSE_SERVER + record
    traffic.client_packets += 1
    traffic.server_packets += 1
    account.requests += 1
    cost.sums = account.totals()
    cost.error = account.error
    return cost


def _deflated(account: Account, way: int, frames: Answers, headers: Floats) -> Answers:
    """Return frames as permessage-deflate makes them, their headers among their bytes."""
    extra = headers - frames.messages - frames.answers
    coded, _ = account.in_gzip(way, frames, extra)
    return coded
