"""Words: each becomes another of its length and kind of characters, the same one everywhere.

Letters become letters of their case, digits digits, characters beyond ASCII others of as many
bytes; all else stays, so that JSON stays JSON, a path a path, and UTF-8 UTF-8. Different words stay
different up to 8 characters, since ids and the answers to them must still find each other; of
longer ones a collision is as likely as of random text. Words of protocols stay. Knows text alone.
"""

from __future__ import annotations

import re
from hashlib import blake2b, shake_128
from typing import Final

from analyzer.http.delivery.callers import CLIENT_WORDS, CURSOR_WORDS
from analyzer.lazy_pattern import lazy_pattern

MAX_WORD: Final = 64
"""Longer runs of letters and digits are replaced in pieces."""
_BIJECTIVE: Final = 8
_MAX_KNOWN: Final = 65_536
"""Replacements remembered: 10 MB. They are reckoned, so that forgetting changes nothing."""

_TOKEN: Final = lazy_pattern(
    rb"content-length:[0-9]+|\\u[0-9A-Fa-f]{4}|\\[\\\"/bfnrt]|%[0-9A-Fa-f]{2}|[A-Za-z0-9]{1,64}"
    rb"|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]"
)
_PARTIAL: Final = lazy_pattern(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})$"
)
_CONTINUATION: Final = lazy_pattern(rb"[\x80-\xbf]{0,3}")
_FIRST_DIGITS: Final = lazy_pattern(rb"\[?[0-9]{0,2}")
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
            seed = b"." + b".".join(parts[:at])
            shift = blake2b(seed, key=self._key[:64], digest_size=2).digest()
            least, count = {1: (0, 10), 2: (10, 90)}.get(len(part), (100, 156))
            number = least + (int(part) - least + int.from_bytes(shift, "big")) % count
            made.append(b"%d" % number)
        return b".".join(made)

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
        if first in b"\\%":
            return self._escape(token)
        # Single characters are frames of SockJS, versions, kinds: too short to tell of anybody.
        # A frame of STOMP is no longer than it says; 1e308 is a number of JSON.
        if len(token) == 1 or token in KEPT or token.startswith(b"content-length:"):
            return token
        power = _POWER.fullmatch(token)
        if power is not None:
            return b"e".join(map(self._text_of, (power[1], power[2])))
        return self._word(token)

    def _escape(self, token: bytes) -> bytes:
        """Replace an escape of a character beyond ASCII; others are punctuation."""
        if token[:1] == b"%":
            # A byte of UTF-8. All but the first of a character keep their high half, by which they
            # are such bytes, and the character a valid one (RFC 3629 4).
            return self._hexadecimal(token, 2) if token[1:2] in b"89ABab" else token
        # An escape is a character of its own: \u00e9 becomes another letter of Latin.
        if token[1:2] != b"u" or len(token) < 6 or token[2:3] in b"dD":
            return token
        return b"\\u01%02x" % (self._number(token) & 0x7F)

    def hexadecimal(self, token: bytes) -> bytes:
        """Replace hexadecimal digits."""
        return self._hexadecimal(token, 0)

    def _hexadecimal(self, token: bytes, begin: int) -> bytes:
        """Replace hexadecimal digits from `begin` on, each by what is before it."""
        made = bytearray(token)
        for at in range(begin, len(token)):
            some = self._alike(token[at])
            shift = blake2b(token[:at], key=self._key[:64], digest_size=1).digest()[0]
            made[at] = some[(some.index(token[at]) + shift) % len(some)]
        return bytes(made)

    def _alike(self, digit: int) -> bytes:
        """Return the hexadecimal digits that may stand for one."""
        return next(each for each in (b"0123456789", b"abcdef", b"ABCDEF") if digit in each)

    def _text_of(self, digits: bytes) -> bytes:
        return self._word(digits) if len(digits) > 1 else digits

    def _word(self, token: bytes) -> bytes:
        long = shake_128(self._key + b"w" + token).digest(len(token))
        is_number = token.isdigit()
        made = bytearray(token)
        for at, byte in enumerate(token):
            shift = long[at]
            if len(token) <= _BIJECTIVE:
                # Depends on what is before it alone: no two words of a length become one.
                shift = blake2b(token[:at], key=self._key[:64], digest_size=1).digest()[0]
            if 0x30 <= byte <= 0x39:
                if at or not is_number:
                    made[at] = 0x30 + (byte - 0x30 + shift) % 10
                elif byte != 0x30:  # numbers of JSON do not begin with 0
                    made[at] = 0x31 + (byte - 0x31 + shift) % 9
            else:
                base = byte & 0x60 | 1
                made[at] = base + (byte - base + shift) % 26
        return bytes(made)

    def _beyond_ascii(self, token: bytes) -> bytes:
        number = self._number(token)
        if len(token) == 1:
            return b"\xff"  # was no UTF-8, and is none
        if len(token) == 2:
            return chr(0x100 + number % 0x180).encode()
        if len(token) == 3:
            return chr(0x4E00 + number % 0x5000).encode()
        return chr(0x1F300 + number % 0x300).encode()

    def _number(self, token: bytes) -> int:
        return int.from_bytes(blake2b(token, key=self._key[:64], digest_size=4).digest(), "big")


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
        return head + self._words.text(data) + tail

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
    partial = _PARTIAL.search(data)
    if partial is not None:
        return partial.start()
    begin, end = len(data), 0
    for match in _TOKEN.finditer(data):
        if match.end() == len(data) and _ALNUM.fullmatch(match[0]) and len(match[0]) < MAX_WORD:
            begin = match.start()
        elif begin == len(data):
            end = match.end()
    # An escape that is not whole: a backslash or a percent sign that belongs to no token.
    if begin > end and data[begin - 1 : begin] in (b"\\", b"%") and len(data) - begin <= 4:
        return begin - 1
    return begin


_ALNUM: Final = lazy_pattern(rb"[A-Za-z0-9]+")
