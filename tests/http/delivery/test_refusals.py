"""Refusals: how their bodies begin, whatever their coding."""

from __future__ import annotations

import gzip
import zlib

import pytest
from conversation import Conversation
from oracle.upgrades import UPGRADE, run
from oracle.whole import tables_of

from analyzer.http.delivery.refusals import RefusalReader
from analyzer.http.exchanges import Handshake
from analyzer.http.head import read_head

TEXT = b'{"code":3,"message":"Bad request"}'


def answer(body: bytes, *fields: str) -> bytes:
    lines = ["HTTP/1.1 400 Bad Request", "Server: nginx", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "raw",
    [
        answer(TEXT, f"Content-Length: {len(TEXT)}"),
        answer(
            b"5\r\n" + TEXT[:5] + b"\r\n1d\r\n" + TEXT[5:] + b"\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked",
        ),
        answer(TEXT, "Connection: close"),
        answer(gzip.compress(TEXT), "Content-Encoding: gzip", "Connection: close"),
        answer(zlib.compress(TEXT), "Content-Encoding: deflate", "Connection: close"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_body_is_kept_as_its_content(raw: bytes, size: int) -> None:
    steps = [(1, raw[at : at + size]) for at in range(0, len(raw), size)]
    (handshake,) = run([(0, UPGRADE), *steps, (1, "fin")]).handshakes
    assert handshake.server == "nginx"
    assert handshake.refusal_body == TEXT
    assert handshake.refusal_size == len(TEXT)


def reader_of(*fields: str) -> tuple[RefusalReader, Handshake]:
    handshake = Handshake(0, 0)
    head = read_head(answer(b"", *fields))
    return RefusalReader(handshake, head), handshake


def test_only_the_beginning_is_kept() -> None:
    reader, handshake = reader_of()
    for _ in range(300):
        if reader.reading:
            reader.take(b"x" * 100, 0)
    assert handshake.refusal_body == b"x" * 1024
    assert handshake.refusal_size > 1024


def test_bombs_end_early() -> None:
    reader, handshake = reader_of("Content-Encoding: gzip")
    bomb = gzip.compress(b"\0" * 50_000_000)
    for at in range(0, len(bomb), 1000):
        if reader.reading:
            reader.take(bomb[at : at + 1000], 0)
    assert not reader.reading
    assert len(handshake.refusal_body) == 1024


def test_what_is_behind_a_gap_is_not_the_beginning() -> None:
    reader, handshake = reader_of()
    reader.take(b"abc", 0)
    reader.chunk(0)
    reader.lost()
    assert not reader.reading
    reader.settle()
    assert handshake.refusal_body == b"abc"


def test_what_is_not_its_coding_has_no_body() -> None:
    reader, handshake = reader_of("Content-Encoding: gzip")
    reader.take(b"plain text", 0)
    assert handshake.refusal_body == b""
    assert not reader.reading


@pytest.mark.parametrize(
    ("charset", "text"),
    [("iso-8859-1", "arrivée là"), ("windows-1251", "Доступ запрещён"), ("gbk", "服务不可用")],
)
def test_a_body_is_shown_in_its_charset(charset: str, text: str) -> None:
    body = text.encode(charset)
    fields = (f'Content-Type: text/html; Charset="{charset.upper()}"', "Connection: close")
    talk = Conversation().open().client(UPGRADE).server(answer(body, *fields)).finish("server")
    (row,) = tables_of(talk.pcap())["handshakes"].itertuples()
    assert row.refusal_preview == text
