"""Link types by name."""

from __future__ import annotations

import pytest
from oracle.packets import decode

from analyzer.packets.link_types import described, link_type_name, what_helps


@pytest.mark.parametrize(
    ("number", "name"), [(1, "Ethernet"), (127, "radiotap and 802.11"), (149, "USER2, private use")]
)
def test_names(number, name):
    assert link_type_name(number) == name
    assert described(number) == f"link type {number} ({name})"


def test_a_number_without_a_name_stands_for_itself():
    assert described(4711) == link_type_name(4711) == "link type 4711"


def test_what_is_not_read_is_named_with_what_would_help():
    _, (usb,) = decode([bytes(64)] * 3, 249)
    assert "3 packets of link type 249 (USBPcap)" in usb.text
    assert "capture on a network interface" in usb.text
    _, (ring,) = decode([bytes(64)], 6)
    assert "(Token Ring)" in ring.text
    assert "tshark" in what_helps(6)
    assert what_helps(6) in ring.text
