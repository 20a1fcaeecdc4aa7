"""Words: each becomes another of its length and kind of characters, the same one everywhere.

Letters become letters of their case, digits digits, characters beyond ASCII others of as many
bytes; all else stays, so that JSON stays JSON, a path a path, and UTF-8 UTF-8. Different words stay
different up to 12 characters, since ids and the answers to them must still find each other; of
longer ones a collision is as likely as of random text. A word is replaced as a whole, and so is a
run of characters beyond ASCII, or of escapes: letter by letter a text could be guessed. Words of
protocols stay. Knows text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b, shake_128
from typing import Final

from analyzer.http.delivery.callers import CLIENT_WORDS, CURSOR_WORDS
from analyzer.lazy_pattern import lazy_pattern
from analyzer.share.anonymize.permuted import permuted, permuted_word

MAX_WORD: Final = 64
"""Longer runs of letters and digits are replaced in pieces."""
_MAX_RUN: Final = 16
"""Characters beyond ASCII, and escapes, that are replaced together."""
_MAX_KNOWN: Final = 65_536
"""Replacements remembered: 10 MB. They are reckoned, so that forgetting changes nothing."""

_CHARACTER: Final = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
"""UTF-8 beyond ASCII (RFC 3629 4)."""
_ONE: Final = lazy_pattern(_CHARACTER + rb"|[\x00-\xff]")
_TOKEN_TEXT: Final = (
    rb"content-length:[0-9]+|SIP/2\.0 [1-6][0-9]{2}|\x1e(?:[0-9]{1,2}|b)"
    rb"|(?:\\u[0-9A-Fa-f]{4}){1,16}|\\[\\\"/bfnrt]"
    rb"|(?:%[0-9A-Fa-f]{2}){1,48}|[A-Za-z0-9]{1,64}|(?:" + _CHARACTER + rb"){1,16}"
)
_TOKEN: Final = lazy_pattern(_TOKEN_TEXT + rb"|[\x80-\xff]")
_CUT: Final = rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})"
_PARTIAL: Final = lazy_pattern(_CUT + rb"\Z")
_PART: Final = lazy_pattern(rb"\x1e|\\(?:u[0-9A-Fa-f]{0,3})?|%[0-9A-Fa-f]?|" + _CUT)
"""A character or an escape that is not whole."""
_SCAN: Final = lazy_pattern(
    rb"\x1e\Z|\\u[0-9A-Fa-f]{0,3}\Z|\\\Z|%[0-9A-Fa-f]?\Z|"
    + _TOKEN_TEXT
    + rb"|"
    + _CUT
    + rb"\Z|[\x80-\xff]"
)
STRUCTURE: Final = (b"content-length:", b"SIP/", b"\x1e")
"""How tokens begin that say of a frame of STOMP how long it is, of SIP how a request ended, and of
packets of Engine.IO and Socket.IO of what kind the next one is."""
_CONTINUATION: Final = lazy_pattern(rb"[\x80-\xbf]{0,3}")
_FIRST_DIGITS: Final = lazy_pattern(rb"b(?=[A-Za-z0-9+/]{7})|\[?[0-9]{0,2}")
"""Kinds of packets of Engine.IO and Socket.IO, b for one in base64, and of calls in arrays."""
_ALONE: Final = lazy_pattern(rb"[A-Za-z0-9](?![A-Za-z0-9])")
_POWER: Final = lazy_pattern(rb"([0-9]+)[eE]([0-9]*)")
_PORT_OR_ADDRESS: Final = lazy_pattern(
    rb"(?<![\w.])(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}(?![\w.])|(?<=:)[0-9]{1,5}(?=[/\s,]|$)"
)

KEPT: Final = frozenset(
    b"""
    true false null jsonrpc method params result results error errors id ids type event
    events data action op cmd msg message messages name args arguments payload target
    version protocol json messagepack code reason status ok ref reply_to topic channel
    target sid EIO transport websocket polling upgrades pingInterval pingTimeout maxPayload
    probe 2probe 3probe socket io sockjs xhr streaming send eventsource htmlfile jsonp info
    iframe cable app client connection connect connected disconnect subscribe unsubscribe
    subscribed next complete ping pong ka start stop init ack query variables operationName
    extensions subscription CONNECT CONNECTED SEND SUBSCRIBE UNSUBSCRIBE MESSAGE RECEIPT
    ERROR ACK NACK BEGIN COMMIT ABORT DISCONNECT STOMP destination receipt content length
    accept heart beat login passcode host server session invocationId streamIds item
    allowReconnect phx join leave close reply heartbeat phoenix vsn response command
    identifier welcome confirm reject pusher internal activity timeout socket_id kernels
    channels header parent header msg msg_id msg_type BootNotification Heartbeat
    StatusNotification sub nosub ready added changed removed updated auth required devtools
    page browser body open iq presence stanza INVITE REGISTER BYE CANCEL OPTIONS SIP ok http
    https ws wss com org net localhost www Basic Bearer retry GET POST WAMP realm
    succeeded signin Call ID CSeq Via To From Contact Max Forwards Allow Type Content UDP TCP WS
    branch sips get set mechanism xmlns jabber urn ietf xml ns framing bind
    exchange queue temp amq correlation transaction pub push publish rpc refresh history presence
    methods subs unsub failed support addedBefore movedBefore call service services config
    states fire trigger success shell iopub stdin control kernel execute request graphql
    terminate acknowledge progress
    """.split()
) | frozenset(each.encode() for each in CURSOR_WORDS | CLIENT_WORDS)
"""What protocols inside WebSocket and their paths say of themselves, so that a second analysis
still knows them. Says nothing of who speaks."""


class Words:
    """Replaces text. One for a file.

    Args:
        key: at least 16 random bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[bytes, bytes] = {}

    def text(self, data: bytes) -> bytes:
        """Return text with its words replaced, in as many bytes."""
        return _TOKEN.sub(self._token, data)

    def rest(self, data: bytes) -> bytes:
        """Return text that begins within a word, with words replaced: also a letter by itself."""
        made = self.text(data)
        if _ALONE.match(data) is None:
            return made
        return permuted_word(data[:1], [_ALPHABETS[data[0]]], self._own(b"1")) + made[1:]

    def place(self, data: bytes) -> bytes:
        """Return a host or URL with its words replaced; a port stays, an address is one still."""
        found, at = [], 0
        for part in _PORT_OR_ADDRESS.finditer(data):
            known = self._address(part[0]) if b"." in part[0] else part[0]
            found += [self.text(data[at : part.start()]), known]
            at = part.end()
        return b"".join((*found, self.text(data[at:])))

    def _address(self, text: bytes) -> bytes:
        """Return another IPv4 address of as many digits; those that name nobody stay."""
        parts = text.split(b".")
        if parts[0] in (b"0", b"127") or any(int(part) > 255 for part in parts):
            return text if all(int(part) < 256 for part in parts) else self.text(text)
        made = []
        for at, part in enumerate(parts):
            least, count = {1: (0, 10), 2: (10, 90)}.get(len(part), (100, 156))
            key = self._own(b"." + b".".join((*parts[:at], str(count).encode())))
            made.append(b"%d" % (least + permuted(int(part) - least, count, key)))
        return b".".join(made)

    def _own(self, kind: bytes) -> bytes:
        """Return a key for one kind of values."""
        return blake2b(kind, key=self._key[:64], digest_size=32).digest()

    def noise(self, data: bytes) -> bytes:
        """Return as many bytes that depend on `data` and look like nothing."""
        return shake_128(self._key + data).digest(len(data))

    def _token(self, match: re.Match[bytes]) -> bytes:
        token = match[0]
        found = self._known.get(token)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[token] = self._replaced(token)
        return found

    def _replaced(self, token: bytes) -> bytes:
        first = token[0]
        if first >= 0x80:
            return self._beyond_ascii(token)
        if token[:1] == b"%":
            return self._percent(token)
        if token[:1] == b"\\":
            return self._escapes(token) if token[1:2] == b"u" else token
        # Single characters are frames of SockJS, versions, kinds: too short to tell of anybody.
        # A frame of STOMP is no longer than it says; 1e308 is a number of JSON.
        if len(token) == 1 or token in KEPT or token.startswith(STRUCTURE):
            return token
        power = _POWER.fullmatch(token)
        if power is not None:
            return b"e".join(map(self._text_of, (power[1], power[2])))
        return self._word(token)

    def hexadecimal(self, token: bytes) -> bytes:
        """Replace hexadecimal digits."""
        alike = [next(some for some in _HEXADECIMAL if digit in some) for digit in token]
        return permuted_word(token, alike, self._own(b"x"))

    def _text_of(self, digits: bytes) -> bytes:
        return self._word(digits) if len(digits) > 1 else digits

    def _word(self, token: bytes) -> bytes:
        alphabets = [_ALPHABETS[byte] for byte in token]
        if token.isdigit():  # numbers of JSON do not begin with 0
            alphabets[0] = b"0" if token[:1] == b"0" else _NO_ZERO
        return permuted_word(token, alphabets, self._key[:64], KEPT)

    # --- runs: what stands for a character depends on all of them

    def _numbers(self, run: bytes) -> Iterator[int]:
        """Yield numbers of 32 bits for the characters of a run."""
        made = shake_128(self._key + b"r" + run).digest(4 * len(run))
        return (int.from_bytes(made[at : at + 4], "big") for at in range(0, len(made), 4))

    def _beyond_ascii(self, run: bytes) -> bytes:
        pairs = zip(_ONE.findall(run), self._numbers(run), strict=False)
        return b"".join(_other(one, number) for one, number in pairs)

    def _percent(self, run: bytes) -> bytes:
        """Replace what percent escapes say (RFC 3986 2.1), but for punctuation."""
        form = b"%%%02x" if any(byte in b"abcdef" for byte in run) else b"%%%02X"
        pairs = zip(
            _ONE.findall(bytes.fromhex(run.replace(b"%", b"").decode())),
            self._numbers(run),
            strict=False,
        )
        said = b"".join(_other(one, number) for one, number in pairs)
        return b"".join(form % byte for byte in said)

    def _escapes(self, run: bytes) -> bytes:
        r"""Replace what escapes of JSON say: \u00e9 becomes another letter of Latin."""
        found = []
        for at, number in zip(range(0, len(run), 6), self._numbers(run), strict=False):
            code = int(run[at + 2 : at + 6], 16)
            if code < 0x80:
                code = _other(bytes((code,)), number)[0]
            elif 0xD800 <= code < 0xE000:  # two of them are one character: another face
                code = 0xD83D if code < 0xDC00 else 0xDE00 + number % 0x40
            else:
                code = 0x100 + number % 0x80
            found.append(b"\\u%04x" % code)
        return b"".join(found)


def _other(character: bytes, number: int) -> bytes:
    """Return another character of as many bytes in UTF-8; punctuation of ASCII stays."""
    if len(character) > 1:
        base, count = _BEYOND[len(character)]
        return chr(base + number % count).encode()
    if character >= b"\x80":
        return b"\xff"  # was no UTF-8, and is none
    some = _ALPHABETS.get(character[0], character)
    return some[number % len(some) :][:1]


_BEYOND: Final = {2: (0x100, 0x180), 3: (0x4E00, 0x5000), 4: (0x1F300, 0x300)}
"""Bytes of a character -> the first of those that stand for it, how many there are."""
_HEXADECIMAL: Final = (b"0123456789", b"abcdef", b"ABCDEF")
_NO_ZERO: Final = b"123456789"
_ALPHABETS: Final = {
    byte: some
    for some in (b"0123456789", bytes(range(0x41, 0x5B)), bytes(range(0x61, 0x7B)))
    for byte in some
}


class Filter:
    """Replaces the content of one message or body that comes in pieces.

    Text as words, anything else by noise: what it is shows by its first bytes.
    """

    def __init__(self, words: Words, *, is_text: bool | None = None) -> None:
        """Begin; `is_text` None: find out."""
        self._words = words
        self._is_text = is_text
        self._held = b""
        self._begun = False
        self._continued = False
        self._is_cut = False

    def feed(self, data: bytes, *, last: bool = False, over: bool = True) -> bytes:
        """Take bytes; return as many as can be told by now.

        Args:
            data: the next ones.
            last: return all: a header comes behind them.
            over: nothing of the same text follows.
        """
        data = self._held + data
        self._held = b""
        if self._is_text is None and data:
            self._is_text = all(byte in _PLAIN for byte in data[:64])
        if not self._is_text:
            return self._noise(data, last=last)
        head, tail = b"", b""
        if self._continued and data:
            head = _CONTINUATION.match(data)[0]  # type: ignore[index]
            self._continued = False
        if not self._begun and data:
            if not last and len(data) < 8:
                self._held = data
                return b""
            head = _FIRST_DIGITS.match(data)[0]  # type: ignore[index]
            self._begun = True
        data = data[len(head) :]
        if not last:
            cut = _open_end(data)
            data, self._held = data[:cut], data[cut:]
        elif not over:
            partial = _PARTIAL.search(data)
            if partial is not None:
                # The rest of the character is in the next frame: it stays as it is.
                data, tail = data[: partial.start()], data[partial.start() :]
                self._continued = True
        made = self._words.rest(data) if self._is_cut else self._words.text(data)
        if data:
            self._is_cut = last and not over and data[-1] in _ALPHABETS
        return head + made + tail

    def _noise(self, data: bytes, *, last: bool) -> bytes:
        cut = len(data) if last else len(data) - len(data) % _BLOCK
        self._held = data[cut:]
        return b"".join(
            self._words.noise(data[at : min(at + _BLOCK, cut)]) for at in range(0, cut, _BLOCK)
        )


_BLOCK: Final = 256
_PLAIN: Final = frozenset((*range(0x20, 0x7F), 9, 10, 13, 0x1E, *range(0x80, 0x100)))


def _open_end(data: bytes) -> int:
    """Return where the last token begins that more bytes may make longer."""
    before, last = 0, (0, 0)
    for match in _SCAN.finditer(data):
        before, last = last[0], match.span()
    begin, end = last
    if end != len(data) or not _may_grow(data[begin:]):
        return len(data)
    # What is not whole may be the end of a run.
    run = data[before:begin]
    is_part = _PART.fullmatch(data, begin) is not None
    same = run[:1] == data[begin : begin + 1] or (run[:1] >= b"\x80" and data[begin] >= 0x80)
    return before if is_part and same and _may_grow(run) and _TOKEN.fullmatch(run) else begin


def _may_grow(token: bytes) -> bool:
    """Say whether more bytes may belong to a token."""
    if _PART.fullmatch(token) is not None:
        return True
    if token[:1] == b"\\":
        return token[1:2] == b"u" and len(token) < 6 * _MAX_RUN
    if token[:1] == b"%":
        return len(token) < 9 * _MAX_RUN
    if token[:1] == b"\x1e":
        return len(token) == 2 and token != b"\x1eb"
    if token >= b"\x80":
        return _RUN.fullmatch(token) is not None and len(_ONE.findall(token)) < _MAX_RUN
    return len(token) < MAX_WORD


_RUN: Final = lazy_pattern(rb"(?:" + _CHARACTER + rb")+")
