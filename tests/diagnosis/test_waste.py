"""Compression that costs bytes, and that would save them."""

from __future__ import annotations

from oracle.diagnosed import diagnoses
from oracle.rows import Row


def row(number: int | None, side: str = "server", **more: object) -> Row:
    made = {"connection": number, "direction": side, "offered": True, "negotiated": True}
    sums = {"inflated_messages": 100, "payload_bytes": 10_000, "saved_bytes": 6000}
    return {**made, **sums, **more}


def missed(number: int, saved: int = 6000) -> Row:
    estimate = {"estimated_messages": 50, "estimated_payload_bytes": 10_000}
    return row(number, negotiated=False, estimated_saved_bytes=saved, **estimate)


def test_messages_made_larger() -> None:
    rows = [row(n, saved_bytes=-2000) for n in range(3)] + [row(None, saved_bytes=-6000), row(7)]
    found = diagnoses(compression=rows)["compression-wasted"]
    assert (found.connections, found.connection, found.bytes) == (3, 0, 6000)
    assert "cost 6.00 kB of 30.0 kB (20.0 %)" in found.text


def test_compression_that_pays() -> None:
    assert diagnoses(compression=[row(0), row(1, "client")]) == {}
    # A byte a message on few of them is nobody's trouble.
    assert diagnoses(compression=[row(0, inflated_messages=5, saved_bytes=-5)]) == {}


def test_compression_that_was_refused() -> None:
    found = diagnoses(compression=[missed(4)])["compression-missed"]
    assert (found.connections, found.connection, found.bytes) == (1, 4, 6000)
    assert "would save 6.00 kB" in found.text
    # It would save little of much, or much of little.
    assert diagnoses(compression=[missed(4, saved=900)]) == {}
    assert diagnoses(compression=[missed(4, saved=-900)]) == {}
