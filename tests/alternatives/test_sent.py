"""The measured row's other half, by hand: bodies in gzip that were plain, or were in gzip."""

import zlib

from alternatives.test_sessions import batch, exchange
from alternatives.test_websocket_costs import table

TEXT = b'{"kind": "tick", "value": 12345, "more": "of the same"}' * 60
BODY = b"[%b]" % TEXT
PLAIN = len(BODY)
CODED = len(zlib.compress(BODY, 6, 31))
FIELD = len("Content-Encoding: gzip\r\n")


def measured(*exchanges):
    rows = table(batch(exchanges, [0]))
    return next(row for row in rows if row["scope"] == "session" and row["source"] == "measured")


def polls(kind="poll", body=PLAIN, **more):
    return [
        exchange(
            1000 * n,
            kind=kind,
            news=[len(TEXT)],
            told=[TEXT],
            body=BODY if kind == "poll" else None,
            response_body_bytes=body,
            **more,
        )
        for n in range(4)
    ]


def test_plain_polls():
    row = measured(*polls())
    saved = 4 * (PLAIN - CODED - FIELD)
    assert row["content_encoding"] == "gzip"
    assert row["gzip_application_bytes"] == row["application_bytes"] - saved
    # 150 bytes of headers and 3,302 of body take three packets of 1,448 bytes, in gzip one; each
    # further one had half an ACK.
    assert row["gzip_packets"] == row["packets"] - 4 * (2 + 1)
    assert row["gzip_error_bytes"] == 0


def test_coded_polls_are_as_they_were():
    row = measured(*polls(body=CODED, coded=True))
    assert row["compressed"]
    for name in ("application_bytes", "wire_bytes", "packets"):
        assert row[f"gzip_{name}"] == row[name]


def test_a_plain_stream():
    row = measured(*polls("sse", body=len(TEXT) + 14))
    context, coded = zlib.compressobj(6, zlib.DEFLATED, -15), 0
    for _ in range(4):
        size = len(context.compress(TEXT + b"\n") + context.flush(zlib.Z_SYNC_FLUSH))
        coded += size + len(f"{size:x}") + 4
    # gzip's header and trailer, and the field, of each of the four answers.
    coded += 4 * (18 + FIELD)
    saved = 4 * (len(TEXT) + 14) - coded
    assert row["gzip_application_bytes"] == row["application_bytes"] - saved


def test_of_payload_that_was_not_read_nothing_is_known():
    row = measured(*(exchange(1000 * n, news=[50]) for n in range(4)))
    assert row["content_encoding"] is None
    assert row["gzip_application_bytes"] is None
