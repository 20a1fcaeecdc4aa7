"""SOCKS: messages as RFC 1928, RFC 1929 and the descriptions of SOCKS 4 and 4a have them."""

from __future__ import annotations

import pytest

from analyzer.share.anonymize.socks import rewritten
from analyzer.share.anonymize.words import Words

WORDS = Words(bytes(range(32)))
PORT = b"\x1f\x90"
NAME = b"chat.margarethe.example"
USER, PASSWORD = b"margarethe", b"geheimnis"
LOGIN = b"\1" + bytes([len(USER)]) + USER + bytes([len(PASSWORD)]) + PASSWORD
REQUEST = b"\5\1\0\3" + bytes([len(NAME)]) + NAME + PORT
ADDRESS = bytes([198, 51, 100, 7])

CLIENT = {
    "a name": b"\5\1\0" + REQUEST,
    "a password": b"\5\2\0\2" + LOGIN + REQUEST,
    "an address": b"\5\1\0" + b"\5\1\0\1" + ADDRESS + PORT,
    "an address of IPv6": b"\5\1\0" + b"\5\1\0\4" + bytes.fromhex("20010db8") + b"\7" * 12 + PORT,
    "version 4": b"\4\1" + PORT + ADDRESS + USER + b"\0",
    "version 4a": b"\4\1" + PORT + b"\0\0\0\1" + USER + b"\0" + NAME + b"\0",
}
PROXY = {
    "no password": b"\5\0" + b"\5\0\0\1" + ADDRESS + PORT,
    "a password": b"\5\2\1\0" + b"\5\0\0\1" + ADDRESS + PORT,
    "version 4": b"\0\x5a" + PORT + ADDRESS,
}


@pytest.mark.parametrize(
    ("data", "client"),
    [*((data, True) for data in CLIENT.values()), *((data, False) for data in PROXY.values())],
    ids=[*CLIENT, *(f"proxy: {each}" for each in PROXY)],
)
def test_names_and_addresses_are_replaced(data: bytes, client: bool) -> None:
    found = rewritten(data + b"GET / HTTP/1.1", WORDS, client=client)
    assert found is not None
    made, length = found
    assert len(made) == length == len(data)
    for secret in (NAME, USER, PASSWORD, ADDRESS, b"\7" * 12):
        assert secret not in made
    assert made.count(PORT) == 1
    for end in range(len(data)):
        assert rewritten(data[:end], WORDS, client=client) is None


def test_what_names_nobody_stays() -> None:
    for address in (bytes([127, 0, 0, 1]), bytes(4)):
        answer = b"\5\0\5\0\0\1" + address + PORT
        assert rewritten(answer, WORDS, client=False) == (answer, len(answer))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1", b"\5\0", b"\5\1\0\6", b"\4\7"])
def test_what_is_none(data: bytes) -> None:
    assert rewritten(data, WORDS, client=True) == (b"", 0)


def test_a_name_without_an_end_is_given_up() -> None:
    assert rewritten(b"\4\1" + PORT + ADDRESS + b"x" * 5000, WORDS, client=True) == (b"", 0)
