"""The TLS secrets that chosen connections use, as a key log to embed.

Knows the stages up to tls. Must not know files to be written. Used by share.pcapng.
"""

from __future__ import annotations

from os import PathLike

from analyzer.options import Options
from analyzer.packets.segments import SegmentBatch
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tcp.reassembly import Reassembler
from analyzer.tls.key_files import read_key_logs
from analyzer.tls.keylog import RSA, RSA_ID_BYTES, KeyRing, Secrets
from analyzer.tls.stage import TlsStage


class _AskedRing(KeyRing):
    """A ring that remembers which of its secrets were asked for."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.asked: dict[bytes, Secrets] = {}
        self.premasters_asked: dict[bytes, tuple[bytes, ...]] = {}

    def lookup(self, client_random: bytes) -> Secrets | None:
        """Return what is known of a client random."""
        found = super().lookup(client_random)
        if found is not None:
            self.asked[client_random] = found
        return found

    def premasters(self, encrypted: bytes) -> tuple[bytes, ...]:
        """Return the pre-master secrets logged for an encrypted one."""
        found = super().premasters(encrypted)
        if found:
            self.premasters_asked[encrypted[:RSA_ID_BYTES]] = found
        return found


class UsedKeys:
    """Follows the TLS sessions of chosen connections, to see whose keys they need.

    Args:
        options: of the analysis, with its key logs.

    Raises:
        KeyLogError: A key log cannot be read.
    """

    def __init__(self, options: Options) -> None:
        self._ring = _AskedRing(options)
        keys = options.keys
        paths = (keys,) if isinstance(keys, str | PathLike) else keys
        read_key_logs(paths, options, self._ring)
        self._tcp = Reassembler(options)
        self._tls = TlsStage(options, self._ring)

    def push(self, segments: SegmentBatch) -> None:
        """Take segments of chosen connections alone."""
        self._take(self._tcp.push(segments))

    def finish(self) -> bytes:
        """Return the lines of a key log; b"" where none of the keys is needed."""
        self._take(self._tcp.finish())
        lines = [
            f"{label} {random.hex()} {secret.hex()}\n"
            for random, known in self._ring.asked.items()
            for label, secret in known.items()
        ]
        lines += [
            f"{RSA} {encrypted.hex()} {secret.hex()}\n"
            for encrypted, known in self._ring.premasters_asked.items()
            for secret in known
        ]
        return "".join(lines).encode()

    def _take(self, stream: StreamBatch) -> None:
        self._tls.push(stream)
