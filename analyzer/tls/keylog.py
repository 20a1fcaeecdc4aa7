"""Key logs: the secrets that browsers, curl, Node, Python, Java and Go write of their sessions.

Knows the format of NSS (draft-ietf-tls-keylogfile; the older labels are in NSS's and
Wireshark's documentation). Must not know files, ciphers or records. tls.key_files fills a ring
from files, the pipeline from pcapng's Decryption Secrets Blocks; tls.decryption asks it. No
text that is made here ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern
from analyzer.options import DEFAULT, Options

CLIENT_RANDOM: Final = "CLIENT_RANDOM"
"""The master secret of a session before TLS 1.3, in spite of the name."""
PREMASTER: Final = "PMS_CLIENT_RANDOM"
RSA: Final = "RSA"
EARLY: Final = "CLIENT_EARLY_TRAFFIC_SECRET"
HANDSHAKE: Final = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
TRAFFIC: Final = ("CLIENT_TRAFFIC_SECRET_", "SERVER_TRAFFIC_SECRET_")
"""With a number appended: how many KeyUpdates came before. Client, server."""

RSA_ID_BYTES: Final = 8
"""Of the encrypted pre-master secret, by which lines with RSA are matched."""

_HASHED: Final = (64, 96, 128)
"""Hexadecimal digits of a secret as long as a hash: SHA-256, SHA-384, SHA-512."""
_MASTER: Final = (96,)
_LABELS: Final[dict[str, tuple[int, ...]]] = {
    CLIENT_RANDOM: _MASTER,
    RSA: _MASTER,
    PREMASTER: (),
    EARLY: _HASHED,
    HANDSHAKE[0]: _HASHED,
    HANDSHAKE[1]: _HASHED,
}
"""Labels of secrets that are of use -> digits that the secret may have, () any."""
_USELESS: Final = ("EARLY_EXPORTER_SECRET", "EXPORTER_SECRET", "EARLY_EXPORTER_MASTER_SECRET")
"""Well known, but nothing is encrypted with them."""
_NUMBERED: Final = lazy_pattern(r"(?:CLIENT|SERVER)_TRAFFIC_SECRET_(?:0|[1-9][0-9]{0,8})")
_LABEL: Final = lazy_pattern(r"[A-Z][A-Z0-9_]{0,63}")
_HEX: Final = lazy_pattern(r"(?:[0-9A-Fa-f]{2})+")
_BOM: Final = b"\xef\xbb\xbf"

_MAX_CANDIDATES: Final = 8
"""Secrets kept of one random and label: a random is used again only by tests and by clients
whose random numbers are broken."""
_MAX_LABELS: Final = 64
"""Labels kept of one random: nearly all are numbers of KeyUpdates."""
_MAX_BAD_LINES: Final = 16
"""Bad lines described; further ones are counted."""


class Secrets:
    """The secrets of one client random: for each label those that were logged, in order.

    Of several one belongs to this session; only trying shows which.
    """

    __slots__ = ("_by_label",)

    def __init__(self) -> None:
        self._by_label: dict[str, tuple[bytes, ...]] = {}

    def __repr__(self) -> str:
        return f"<Secrets: {', '.join(self._by_label) or 'none'}>"

    def __len__(self) -> int:
        return sum(map(len, self._by_label.values()))

    def get(self, label: str) -> tuple[bytes, ...]:
        """Return the secrets with a label."""
        return self._by_label.get(label, ())

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Yield all with their labels."""
        for label, known in self._by_label.items():
            for secret in known:
                yield label, secret

    def traffic(self, side: int) -> Iterator[tuple[int, bytes]]:
        """Yield the secrets of application data of a side (0: client), the first ones first.

        With each, the number of KeyUpdates before it.
        """
        prefix = TRAFFIC[side]
        numbers = sorted(
            int(label[len(prefix) :]) for label in self._by_label if label.startswith(prefix)
        )
        for number in numbers:
            for secret in self.get(f"{prefix}{number}"):
                yield number, secret

    @property
    def of_tls13(self) -> bool:
        """Whether a session of TLS 1.3 logged them."""
        return any(label not in (CLIENT_RANDOM, PREMASTER) for label in self._by_label)

    def _add(self, label: str, secret: bytes) -> bool:
        """Keep a secret; return False if it is known, or one too many."""
        known = self.get(label)
        if secret in known or len(known) == _MAX_CANDIDATES:
            return False
        if not known and len(self._by_label) == _MAX_LABELS:
            return False
        self._by_label[label] = (*known, secret)
        return True


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a key log that cannot be used. Its text is not kept."""

    source: str
    line: int
    """From 1 on."""
    reason: str


class _Source:
    """How far one source was read."""

    __slots__ = ("line", "pending", "skipping")

    def __init__(self) -> None:
        self.line = 0
        self.pending = b""
        self.skipping = False


class KeyRing:
    """All secrets that are known, by client random.

    Args:
        options: of the analysis; its limits bound what is kept.
    """

    def __init__(self, options: Options = DEFAULT) -> None:
        self._most = options.max_key_log_secrets
        self._longest = options.max_key_log_line_bytes
        self._by_random: dict[bytes, Secrets] = {}
        self._rsa: dict[bytes, Secrets] = {}
        self._sources: dict[str, _Source] = {}
        self._count = 0
        self.generation = 0
        """Grows with each secret that is kept: sessions that wait for one may look again."""
        self.lines = 0
        """Lines that held a secret, known ones too."""
        self.unknown = 0
        """Lines with a label that is not known, or of no use."""
        self.forgotten = 0
        """Secrets given up for newer ones (max_key_log_secrets)."""
        self.bad = 0
        """Lines that cannot be used."""
        self.bad_lines: list[BadLine] = []
        """The first of them."""

    def __repr__(self) -> str:
        return f"<KeyRing: {len(self)} secrets>"

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def sessions(self) -> int:
        """How many sessions there are keys of."""
        return len(self._by_random) + len(self._rsa)

    def lookup(self, client_random: bytes) -> Secrets | None:
        """Return what is known of a client random (32 bytes)."""
        return self._by_random.get(client_random)

    def premasters(self, encrypted: bytes) -> tuple[bytes, ...]:
        """Return the pre-master secrets logged for an encrypted one (label RSA)."""
        known = self._rsa.get(encrypted[:RSA_ID_BYTES])
        return known.get(RSA) if known is not None else ()

    # --- lines

    def add(self, data: bytes, source: str) -> None:
        """Take bytes of a key log, of any length; the next ones of this source go on there.

        A last line without its end is kept until it comes, or `finish` is called.
        """
        state = self._sources.setdefault(source, _Source())
        lines = (state.pending + data).split(b"\n")
        state.pending = lines.pop()
        for line in lines:
            self._line(state, source, line)
        if len(state.pending) > self._longest:
            if not state.skipping:
                self._bad(source, state.line + 1, self._too_long)
            state.skipping, state.pending = True, b""

    def finish(self, source: str) -> None:
        """Take the last line of a source as it is, and forget how far it was read."""
        state = self._sources.pop(source, None)
        if state is not None and state.pending:
            self._line(state, source, state.pending)

    @property
    def _too_long(self) -> str:
        return f"longer than {self._longest} bytes (max_key_log_line_bytes)"

    def _line(self, state: _Source, source: str, line: bytes) -> None:
        state.line += 1
        if state.skipping:
            state.skipping = False  # what is here is the end of a line that was too long
            return
        if state.line == 1:
            line = line.removeprefix(_BOM)
        line = line.strip()
        if not line or line.startswith(b"#"):
            return
        reason = self._too_long if len(line) > self._longest else self._take(line)
        if reason is not None:
            self._bad(source, state.line, reason)

    def _bad(self, source: str, line: int, reason: str) -> None:
        self.bad += 1
        if len(self.bad_lines) < _MAX_BAD_LINES:
            self.bad_lines.append(BadLine(source, line, reason))

    def _take(self, line: bytes) -> str | None:
        """Take a line; return what is wrong with it, without its text."""
        if not line.isascii():
            return "not ASCII"
        # As bytes first: of text, split takes more than spaces for spaces.
        fields = [field.decode("ascii") for field in line.split()]
        if _LABEL.fullmatch(fields[0]) is None:
            return "it does not begin with a label"
        digits = _LABELS.get(fields[0], _HASHED if _NUMBERED.fullmatch(fields[0]) else None)
        if len(fields) != 3:
            return f"{len(fields)} fields instead of label, random and secret"
        label, random, secret = fields
        if digits is None and label not in _USELESS:
            if _HEX.fullmatch(random) is None or _HEX.fullmatch(secret) is None:
                return "a label that is not known, and no hexadecimal digits"
            self.unknown += 1
            return None
        wanted = 2 * RSA_ID_BYTES if label == RSA else 64
        if len(random) != wanted or _HEX.fullmatch(random) is None:
            return f"the second field is not {wanted} hexadecimal digits"
        if _HEX.fullmatch(secret) is None:
            return "the secret is not hexadecimal"
        if digits is None:
            self.unknown += 1
            return None
        if digits and len(secret) not in digits:
            choice = " or ".join(map(str, digits))
            return f"the secret has {len(secret)} hexadecimal digits, not {choice}"
        self._keep(label, bytes.fromhex(random), bytes.fromhex(secret))
        return None

    def _keep(self, label: str, random: bytes, secret: bytes) -> None:
        self.lines += 1
        ring = self._rsa if label == RSA else self._by_random
        known = ring.get(random)
        if known is None:
            known = ring[random] = Secrets()
        if not known._add(label, secret):
            return
        self._count += 1
        self.generation += 1
        while self._count > self._most:
            other = self._rsa if ring is not self._rsa else self._by_random
            oldest = ring if len(ring) > 1 or not other else other
            gone = len(oldest.pop(next(iter(oldest))))
            self._count -= gone
            self.forgotten += gone
