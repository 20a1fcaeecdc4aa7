"""Words: what must hold for any text, and examples by hand."""

from __future__ import annotations

import ipaddress
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.share.anonymize.words import KEPT, Filter, Words

WORDS = Words(bytes(range(32)))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.text())
def test_text_keeps_its_length_and_is_utf8(text: str) -> None:
    made = WORDS.text(text.encode())
    assert len(made) == len(text.encode())
    made.decode()


@settings(max_examples=300)
@given(VALUES, st.booleans())
def test_json_stays_json_of_the_same_shape(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    made = WORDS.text(text)
    assert len(made) == len(text)
    json.loads(made.decode("utf-8", "replace"))


@given(st.binary())
def test_any_bytes_keep_their_length(data: bytes) -> None:
    assert len(WORDS.text(data)) == len(data)
    assert len(WORDS.noise(data)) == len(data)


def test_short_words_never_meet() -> None:
    # Ids and the answers to them: all numbers of three digits, all words of two letters.
    numbers = [b"%d" % number for number in range(10, 1000)]
    assert len({WORDS.text(each) for each in numbers}) == len(numbers)
    letters = [bytes((a, b)) for a in range(97, 123) for b in range(97, 123)]
    free = [each for each in letters if each not in KEPT]
    assert len({WORDS.text(each) for each in free}) == len(free)


def test_words_are_replaced_everywhere_alike_and_by_each_key_differently() -> None:
    text = b'{"user":"Margarethe","to":"Margarethe"}'
    made = json.loads(WORDS.text(text))
    assert len(set(made.values())) == 1
    assert b"Margarethe" not in WORDS.text(text)
    assert WORDS.text(text) != Words(bytes(32)).text(text)


def test_words_of_protocols_stay() -> None:
    text = b'{"jsonrpc":"2.0","method":"transferMoney","id":4711}'
    made = json.loads(WORDS.text(text))
    assert made["jsonrpc"] == "2.0"
    assert list(made) == ["jsonrpc", "method", "id"]
    assert made["method"] != "transferMoney"
    assert 1000 <= made["id"] <= 9999


def test_a_port_stays_and_a_host_does_not() -> None:
    made = WORDS.place(b"https://intranet.example:8443/secret?a=b")
    assert made.startswith(b"https://")
    assert b":8443/" in made
    assert b"intranet" not in made
    assert b"secret" not in made


@pytest.mark.parametrize(
    "text",
    [
        *('42["chat","Zoë \\u00e9 \\\\ \\n end"]', "x" * 200, "aé€𝄞" * 9, "日本語" * 12),
        *("привет, мир: приветливый", "\\u043f\\u0440\\u0438 %D0%BF%d1%80x\\u04", "\\\\u0041%"),
        '40\x1e4217["chat"]\x1ebAAEC\x1e2',
    ],
)
def test_pieces_change_nothing(text: str) -> None:
    data = text.encode()
    whole = Filter(WORDS, is_text=True).feed(data, last=True)
    for size in (1, 2, 3, 7, 64):
        cut = Filter(WORDS, is_text=True)
        made = b"".join(cut.feed(data[at : at + size]) for at in range(0, len(data), size))
        assert made + cut.feed(b"", last=True) == whole


def test_a_character_over_two_frames_stays_one() -> None:
    parts = Filter(WORDS, is_text=True)
    made = parts.feed(b"name \xe2\x82", last=True, over=False) + parts.feed(b"\xac!", last=True)
    assert made.decode().endswith("€!")


def test_the_beginning_of_socket_io_stays() -> None:
    made = Filter(WORDS, is_text=True).feed(b'4217["chat"]', last=True)
    assert made[:2] == b"42"
    reply = Filter(WORDS, is_text=True).feed(b"4317[]", last=True)
    assert reply[2:4] == made[2:4] != b"17"


def test_binary_payload_becomes_noise_that_depends_on_it() -> None:
    data = bytes(range(256)) * 3
    once, again = (Filter(WORDS).feed(data, last=True) for _ in range(2))
    assert once == again != data
    assert len(once) == len(data)


@pytest.mark.parametrize("name", ["李华", "Jürgen", "😀"])
def test_characters_in_percent_escapes_change(name: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in name.encode())
    made = WORDS.text(escaped.encode()).decode()
    assert made != escaped
    assert len(bytes.fromhex(made.replace("%", "")).decode()) == len(name)


def test_addresses_in_places_are_addresses() -> None:
    made = WORDS.place(b"http://192.168.17.255:8080/x?from=10.0.0.3")
    host = made.split(b"/")[2]
    assert host.endswith(b":8080")
    assert b"192.168" not in made
    assert ipaddress.IPv4Address(host.partition(b":")[0].decode())
    assert len(made) == len(b"http://192.168.17.255:8080/x?from=10.0.0.3")
    assert WORDS.place(b"127.0.0.1:9000") == b"127.0.0.1:9000"


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text,
        lambda text: json.dumps(text)[1:-1],
        lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    ],
    ids=["utf-8", "json", "percent"],
)
def test_a_letter_is_not_always_the_same_other_letter(form: Callable[[str], str]) -> None:
    """Of what stands for twelve words that begin alike, nothing is alike."""
    for words in (
        ["пар" + letter for letter in "абвгдежзиклм"],
        ["par" + letter for letter in "abcdefghijkl"],
    ):
        made = [WORDS.text(form(word).encode()) for word in words]
        assert len(set(made)) == len(words)
        plain = [
            urllib.parse.unquote(json.loads(b'"' + each + b'"') if b"\\" in each else each.decode())
            for each in made
        ]
        for place in range(3):
            assert len({each[place] for each in plain}) > 3, plain


def test_letters_in_escapes_change_and_punctuation_does_not() -> None:
    made = WORDS.text(b"%68%65%6c%6c%6f%20%2f \\u0068\\u0069\\u0021")
    assert made.endswith(b"\\u0021")
    assert b"%20%2f" in made
    assert bytes.fromhex(made[:15].replace(b"%", b"").decode()).isalpha()
    assert made[:15] != b"%68%65%6c%6c%6f"
    assert b"\\u0068\\u0069" not in made


def test_a_message_in_frames_of_one_letter_does_not_stay() -> None:
    text = b"a letter of 4711"
    parts = Filter(WORDS, is_text=True)
    made = b"".join(
        parts.feed(text[at : at + 1], last=True, over=at == len(text) - 1)
        for at in range(len(text))
    )
    assert len(made) == len(text)
    # The first letter of a word stays, and spaces; others seldom.
    assert sum(a == b for a, b in zip(made, text, strict=True)) < 10
    assert made.split(b" ")[1].isalpha()


def test_packets_of_engine_io_keep_their_kinds() -> None:
    made = WORDS.text(b'\x1e4217["chat"]\x1e451-["file"]\x1ebAAECAwQF\x1e2')
    kinds = made.split(b"\x1e")
    assert kinds[1].startswith(b"42")
    assert kinds[2].startswith(b"45")
    assert kinds[3][:1] == b"b"
    assert kinds[3] != b"bAAECAwQF"
    assert kinds[4] == b"2"
