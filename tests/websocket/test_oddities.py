"""Findings of the walk, in words."""

from __future__ import annotations

import pytest

from analyzer import findings
from analyzer.websocket import frames as layout
from analyzer.websocket.frames import Ending, Keys
from analyzer.websocket.oddities import oddity, unfinished, weak_keys


def ending(**values: int) -> Ending:
    fields = dict.fromkeys(Ending._fields, 0) | {"mode": layout.HEADER, "frame": 9, "packet": 70}
    return Ending(**(fields | values))


def keys(**values: object) -> Keys:
    nothing = {"repeated": 0, "stepped": 0, "zero": 0}
    places = {"repeat": (10, 1), "step": (20, 2), "zeroed": (30, 3)}
    return Keys(**(nothing | places | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "packet", "words"),
    [
        ({"repeated": 39}, 10, "39 times the key"),
        ({"stepped": 3}, 20, "3 times a constant step"),
        ({"zero": 2}, 30, "2 times a key of zero"),
        ({"zero": 40, "repeated": 39}, 10, "40 times a key of zero"),
    ],
)
def test_weak_keys_point_to_the_first_case(values, packet: int, words: str) -> None:
    (found,) = weak_keys(keys(**values), ending(), 6)
    assert (found.packet, found.slot, found.direction) == (packet, 3, 6)
    assert found.frame == packet // 10
    assert words in found.text


@pytest.mark.parametrize("values", [{}, {"stepped": 2}, {"zero": 1}])
def test_chance_is_no_finding(values) -> None:
    assert weak_keys(keys(**values), ending(), 0) == []


def test_a_frame_that_is_cut_has_no_number() -> None:
    (found,) = weak_keys(keys(repeated=1), ending(mode=layout.PAYLOAD, frame=1), 0)
    assert found.frame == -1
    (found,) = unfinished(ending(mode=layout.PAYLOAD, payload_left=6), 1)
    assert (found.kind, found.frame, found.detail) == (findings.WEBSOCKET_FRAME_CUT, -1, "6")


def test_a_message_that_ends_early_is_told_at_its_last_frame() -> None:
    # A Close may follow it: packet 70, frame 9.
    (found,) = unfinished(ending(in_message=1, data_packet=60, data_frame=7), 1)
    assert found.kind is findings.WEBSOCKET_MESSAGE_UNFINISHED
    assert (found.packet, found.frame) == (60, 7)


def test_reserved_bits_are_named() -> None:
    assert oddity(findings.WEBSOCKET_RSV, 1, 0, 3, 0, 1).detail == "RSV2, RSV3"
    assert oddity(findings.WEBSOCKET_RSV1, 1, 0, 0, 0, 1).rfc == "RFC 6455 5.2"
    assert oddity(findings.WEBSOCKET_RSV1, 1, 0, 1, 0, 1).rfc == ""
