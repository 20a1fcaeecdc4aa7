"""PROXY protocol headers: how long they are, and whom they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.proxy_header import proxied_client, proxy_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = b"\xcb\x00\x71\x07\xc6\x33\x64\x01\x9c\x40\x01\xbb"
V6 = (
    bytes.fromhex("20010db8" + "00" * 11 + "07" + "20010db8" + "00" * 11 + "01") + b"\x9c\x40\0\x50"
)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n", "203.0.113.7:40000"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 80\r\n", "[2001:db8::7]:40000"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN 1.1.1.1 2.2.2.2 1 2\r\n", ""),
        (b"PROXY TCP4 2001:db8::7 2001:db8::1 40000 80\r\n", ""),
        (b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 70000\r\n", ""),
        (b"PROXY TCP4 203.0.113.7 198.51.100.1 40000\r\n", ""),
        (b"PROXY TCP4 not.an.ad.dress 198.51.100.1 1 2\r\n", ""),
        (b"PROXY \r\n", ""),
        (SIGNATURE + b"\x21\x11\0\x0c" + V4, "203.0.113.7:40000"),
        (SIGNATURE + b"\x21\x11\0\x10" + V4 + b"\x04\0\1\0", "203.0.113.7:40000"),
        (SIGNATURE + b"\x21\x21\0\x24" + V6, "[2001:db8::7]:40000"),
        (SIGNATURE + b"\x20\x11\0\x0c" + V4, ""),  # LOCAL: the balancer itself
        (SIGNATURE + b"\x21\x12\0\x0c" + V4, ""),  # UDP
        (SIGNATURE + b"\x21\x11\0\x04" + V4[:4], ""),
    ],
)
def test_client_of_a_proxy_header(header, names):
    """ "The PROXY protocol" 2.1 (text) and 2.2 (binary)."""
    assert proxy_header(header + b"GET /") == len(header)
    assert proxied_client(header).split(",")[0] == names


@given(st.binary(max_size=60))
def test_any_proxy_header_is_read(rest):
    for header in (b"PROXY TCP4 " + rest + b"\r\n", SIGNATURE + b"\x21\x11" + rest):
        if (size := proxy_header(header)) > 0:
            proxied_client(header[:size])
