"""Sent: what a session of plain HTTP cost, or would have cost, with its bodies in gzip.

The measured row's other half: what was coded has its measured figures there, what was plain what it
would have taken with coding. Knows samples and the packet model. Must not know tables. Used by
alternatives.rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives import sampling
from analyzer.alternatives.accounts import GZIP_SUMS
from analyzer.alternatives.coded import CODING_FIELD
from analyzer.alternatives.conversations import Conversations
from analyzer.alternatives.evidence import Ended
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.packets import answer_segments

_STREAMS = ("stream", "sse")


def measured_in_gzip(ended: Ended, known: Conversations) -> dict[str, Floats]:
    """Return GZIP_SUMS of what sessions of one kind really did; nan where they are not known."""
    measured = {
        name: ended.measured[name].astype(np.float64) for name in GZIP_SUMS if name != "error"
    }
    measured["error"] = np.zeros(len(ended))
    coding = known.coding
    if coding is None:
        return {}
    made = _streamed(ended, known) if ended.kind in _STREAMS else _answered(ended, known)
    return {
        name: np.where(
            ended.compressed, measured[name], np.where(coding.accepted, made[name], np.nan)
        )
        for name in GZIP_SUMS
    }


def _answered(ended: Ended, known: Conversations) -> dict[str, Floats]:
    """Return the sums of answers with bodies each by itself in gzip."""
    assert known.coding is not None
    bodies = ended.bodies
    count = bodies["answers"]
    nothing = np.zeros(len(ended))
    whole = Answers(count, nothing, bodies["bytes"], nothing, np.zeros((len(ended), 0)))
    coded = known.coding.answers(sampling.OWN, whole, -count)
    field = coded.share * CODING_FIELD
    beside = bodies["heads"] / np.maximum(count, 1) + field
    packets = answer_segments(coded.answers, beside, known.wire)
    more = coded.answers.payload_bytes - bodies["bytes"] + count * field
    is_known = known.coding.is_sampled({sampling.OWN: count > 0}) | (count == 0)
    return _changed(ended, known, more, packets - bodies["packets"], coded.error, is_known)


def _streamed(ended: Ended, known: Conversations) -> dict[str, Floats]:
    """Return the sums of streams with one context and a flush for each message."""
    assert known.coding is not None
    written = known.answers(layout.WRITES)
    writes = written.answers
    coded = known.coding.answers(sampling.STREAM, written, -writes)
    streams = ended.bodies["answers"]
    more = coded.answers.payload_bytes - ended.bodies["bytes"]
    more += streams * (sampling.GZIP_FRAME + CODING_FIELD)
    body = ended.bodies["bytes"] - written.payload_bytes
    each = np.maximum(body, 0) / np.maximum(writes, 1)
    plain = answer_segments(written, each, known.wire)
    packets = answer_segments(coded.answers, np.zeros(len(ended)), known.wire) - plain
    is_known = known.coding.is_sampled({sampling.STREAM: writes > 0})
    return _changed(ended, known, more, packets, coded.error, is_known)


def _changed(
    ended: Ended,
    known: Conversations,
    more: Floats,
    packets: Floats,
    error: Floats,
    is_known: npt.NDArray[np.bool_],
) -> dict[str, Floats]:
    """Return measured sums with more bytes and packets of the server (mostly fewer)."""
    wire = known.wire
    acks = packets * wire["bulk_acks"]
    frames = packets * wire["server_header"] + acks * wire["client_ack"]
    made = {
        "application_bytes": ended.measured["application_bytes"] + more,
        "packets": ended.measured["packets"] + packets + acks,
        "wire_bytes": ended.measured["wire_bytes"] + more + frames,
        "error": error,
    }
    return {name: np.where(is_known, values, np.nan) for name, values in made.items()}
