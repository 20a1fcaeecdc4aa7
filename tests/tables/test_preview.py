"""How payload begins, made readable and harmless."""

import pytest

from analyzer.columns import NULL, empty
from analyzer.options import Options
from analyzer.tables.preview import Previews, preview
from analyzer.websocket.frames import MESSAGE


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b"plain text", "plain text"),
        (b"", ""),
        ("café €".encode(), "café €"),
        (b"a\tb\r\nc", "a\\tb\\r\\nc"),
        (b"\x1b[31m\x00\x7f", "\\x1b[31m\\x00\\x7f"),
        ("\x9b".encode(), "\\x9b"),
        (b"back\\slash", "back\\\\slash"),
        ("a\u202eb\u2066\ufeff\u200b".encode(), "a\\u202eb\\u2066\\ufeff\\u200b"),
        ("a\U000e0041\u00ad".encode(), "a\\U000e0041\\u00ad"),
        (b"bad \xff end", "bad \ufffd end"),
    ],
)
def test_text(payload, shown):
    assert preview(payload, len(payload), is_text=True, limit=96) == shown


def test_binary_is_hexadecimal():
    assert preview(b"\x00\xff\x1b", 3, is_text=False, limit=96) == "00 ff 1b"
    assert preview(b"\x00\xff\x1b", 9, is_text=False, limit=2) == "00 ff…"


def test_limit_cuts_with_an_ellipsis():
    assert preview(b"0123456789", 10, is_text=True, limit=4) == "0123…"
    assert preview(b"0123", 10, is_text=True, limit=4) == "0123…"
    assert preview(b"0123", 4, is_text=True, limit=4) == "0123"


@pytest.mark.parametrize("character", ["é", "€", "𝄞"])
def test_character_cut_by_the_limit_is_left_out(character):
    payload = ("ab" + character).encode()
    for limit in range(3, len(payload)):
        assert preview(payload, len(payload), is_text=True, limit=limit) == "ab…"


def test_previews_of_rows():
    rows = empty(MESSAGE, 4)
    rows["payload_bytes"] = [2, 2, NULL, 300]
    rows["opcode"] = [1, 2, 1, 1]
    payloads = [b"hi", b"hi", b"x", None]
    made = Previews(payloads, rows, Options())
    assert list(made) == ["hi", "68 69", None, None]
    assert len(made) == 4
    assert list(Previews((), rows, Options(payload="none"))) == [None] * 4


def test_one_cell_is_made_alone():
    rows = empty(MESSAGE, 4)
    rows["payload_bytes"] = [2, 2, NULL, 300]
    rows["opcode"] = [1, 2, 1, 1]
    payloads = [b"hi", b"hi", b"x", None]
    made = Previews(payloads, rows, Options())
    assert [made[place] for place in range(4)] == ["hi", "68 69", None, None]
    assert made[-1] is None
    assert made[0:2] == ["hi", "68 69"]
    assert Previews((), rows, Options(payload="none"))[2] is None
