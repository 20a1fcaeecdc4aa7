"""The PROXY protocol: what a balancer writes before the first byte of a stream.

HAProxy's "The PROXY protocol", versions 1, a line, and 2, binary: it says where the connection
comes from, and TLS or HTTP begin behind it. Knows nothing else. Used by tls and http.
"""

from __future__ import annotations

from typing import Final

_PROXY_1: Final = b"PROXY "
_MAX_PROXY_1: Final = 107
"""With CRLF: the specification's own count, for the longest addresses."""
_PROXY_2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_PROXY_2_COMMAND: Final = 0x21
"""Version 2, command PROXY; 0x20 is LOCAL."""


def proxy_header(data: bytes | bytearray) -> int:
    """Return the size of a PROXY protocol header at the start of a stream.

    A balancer puts one before the first request (HAProxy's "The PROXY protocol",
    versions 1, a line, and 2, binary), to say where the connection comes from.

    Returns:
        0 if there is none; -1 if more bytes are needed.
    """
    if data[:6] == _PROXY_1[: len(data)]:
        end = data.find(b"\r\n", 0, _MAX_PROXY_1)
        if end >= 0:
            return end + 2
        return -1 if len(data) < _MAX_PROXY_1 else 0
    if data[:12] == _PROXY_2[: len(data)]:
        if len(data) < 16:
            return -1
        size = 16 + (data[14] << 8) + data[15]
        return size if len(data) >= size else -1
    return 0


def proxied_client(header: bytes | bytearray) -> str:
    """Return whom a PROXY protocol header names, "" where it names nobody.

    Both versions name the client's address and port and those that it connected to ("The PROXY
    protocol" 2.1 and 2.2). UNKNOWN, LOCAL (a balancer's own connection, to check health), UNIX
    sockets, and what is malformed name nobody.

    Args:
        header: as long as `proxy_header` says.
    """
    if header[:6] == _PROXY_1:
        words = header[:-2].decode("latin-1").split(" ")
        size = {"TCP4": 4, "TCP6": 16}.get(words[1], 0)
        if len(words) != 6 or not size:
            return ""
        from ipaddress import ip_address

        try:
            ends = [ip_address(word).packed for word in words[2:4]]
        except ValueError:
            return ""
        if not all(word.isascii() and word.isdigit() and int(word) < 65536 for word in words[4:]):
            return ""
        ports = [int(word) for word in words[4:]]
    else:
        size = {0x11: 4, 0x21: 16}.get(header[13], 0)
        if header[12] != _PROXY_2_COMMAND or not size or len(header) < 20 + 2 * size:
            return ""
        ends = [bytes(header[16 + size * end : 16 + size * (end + 1)]) for end in (0, 1)]
        ports = [int.from_bytes(header[at : at + 2], "big") for at in _ports(size)]
    if any(len(end) != size for end in ends):
        return ""
    client, server = (_with_port(*pair) for pair in zip(ends, ports, strict=True))
    return f"{client}, which connected to {server}"


def _ports(size: int) -> tuple[int, int]:
    """Return where the ports stand in version 2, behind addresses of `size` bytes."""
    return 16 + 2 * size, 18 + 2 * size


def _with_port(address: bytes, port: int) -> str:
    from ipaddress import ip_address

    text = str(ip_address(address))
    return f"[{text}]:{port}" if len(address) > 4 else f"{text}:{port}"
