"""A WebSocket for what came over plain HTTP, with permessage-deflate too, by hand."""

import zlib

import pytest
from alternatives.test_sessions import START, S, batch, exchange, sessions

from analyzer.alternatives.rows import RowMaker
from analyzer.analysis import to_frame
from analyzer.options import Options

TEXTS = [b'{"kind": "tick", "value": %d}' % (7 * n) * 30 for n in range(4)]
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
AGREED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def table(*batches):
    """Return the rows of all sessions; None for what is null."""
    out, maker = [], RowMaker(Options(), [S])
    for block in sessions(*batches).finish(START):
        for made in maker.rows(block):
            frame = to_frame(made).astype(object)
            out += frame.where(frame.notna(), None).to_dict("records")
    return out


def deflated():
    context, total = zlib.compressobj(6, zlib.DEFLATED, -15), 0
    for text in TEXTS:
        size = len(context.compress(text) + context.flush(zlib.Z_SYNC_FLUSH)) - 4
        total += size + (2 if size < 126 else 4)
    return total


def polls(**more):
    return [
        exchange(1000 * n, news=[len(text)], told=[text], body=b"[%b]" % text, **more)
        for n, text in enumerate(TEXTS)
    ]


def rows(*exchanges):
    made = table(batch(exchanges, [0]))
    return {row["transport"]: row for row in made if row["scope"] == "session"}


def test_frames_are_deflated_with_one_context():
    ours = rows(*polls())["websocket"]
    assert ours["content_encoding"] == "permessage-deflate"
    plain = sum(len(text) + 4 for text in TEXTS)
    saved = plain - deflated() - len(OFFER) - len(AGREED)
    assert ours["gzip_application_bytes"] == ours["application_bytes"] - saved
    # Each frame takes one packet, deflated or not.
    assert ours["gzip_packets"] == ours["packets"]
    assert ours["gzip_wire_bytes"] == ours["wire_bytes"] - saved
    assert ours["gzip_error_bytes"] == 0
    assert ours["gzip_ratio_wire"] == pytest.approx(1)


def test_without_any_payload_nothing_is_known():
    ours = rows(*(exchange(1000 * n, news=[50]) for n in range(4)))["websocket"]
    assert ours["content_encoding"] is None
    assert ours["gzip_wire_bytes"] is None


def test_the_others_are_compared_with_a_websocket_that_compresses():
    found = rows(*polls())
    for name in ("long-poll", "sse"):
        expected = found[name]["gzip_wire_bytes"] / found["websocket"]["gzip_wire_bytes"]
        assert found[name]["gzip_ratio_wire"] == pytest.approx(expected)
