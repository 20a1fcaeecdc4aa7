"""What a comparison gathers beside the summary: figures by hand."""

from __future__ import annotations

from oracle.rows import table_rows
from oracle.sample import message

from analyzer.tables.figures import Figures
from analyzer.tables.schema import HTTP, MESSAGES, PINGS

COSTS = {
    "ws_header_bytes": 6,
    "http_bytes": 0,
    "tls_bytes": 1,
    "packet_header_bytes": 54,
    "ack_bytes": 27,
    "delivery_us": 3000,
}


def test_sums_by_direction_and_samples_whatever_the_batches() -> None:
    rows = [
        message(0, "client", **COSTS),
        message(1, "server", **{**COSTS, "ws_header_bytes": 2, "delivery_us": 9000}),
        message(2, "client", **{**COSTS, "ack_bytes": 0, "delivery_us": None}),
    ]
    for cuts in ([rows], [[row] for row in rows], [rows[:2], rows[2:]]):
        made = Figures()
        for batch in cuts:
            made.write(table_rows(MESSAGES, batch))
        client, server = made.messages
        assert (client["ws_header_bytes"], server["ws_header_bytes"]) == (12, 2)
        assert (client["packet_header_bytes"], client["ack_bytes"]) == (108, 27)
        assert (client["tls_bytes"], client["http_bytes"]) == (2, 0)
        assert (made.delivery.count, made.delivery.median, made.delivery.worst) == (2, 6000, 9000)


def test_a_message_that_cannot_be_inflated_has_no_size() -> None:
    made = Figures()
    made.write(table_rows(MESSAGES, [message(0, "server", payload_bytes=None, **COSTS)]))
    made.write(table_rows(MESSAGES, [message(1, "server", payload_bytes=0, **COSTS)]))
    assert made.messages[1]["sized"] == 1


def test_http_exchanges() -> None:
    made = Figures()
    made.write(table_rows(HTTP, [{"wire_bytes": 700}, {"wire_bytes": 300}]))
    made.write(table_rows(PINGS, [{"connection": 0, "rtt_us": 5}]))
    assert made.http_wire_bytes == 1000
