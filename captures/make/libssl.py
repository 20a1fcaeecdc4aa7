"""OpenSSL's library libssl through ctypes, for what Python's ssl does not offer.

Suites of TLS 1.3, groups, sizes and padding of records, extensions left out, tickets, early
data, key updates and renegotiation. Called by tls_ends; knows nothing of WebSocket. Sockets
block: each end has a thread of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import socket
from collections.abc import Callable
from pathlib import Path

LIBRARY = ctypes.CDLL(ctypes.util.find_library("ssl"))
TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x301, 0x302, 0x303, 0x304
# Options of SSL_CTX_set_options, by the names of openssl/ssl.h.
NO_EXTENDED_MASTER_SECRET = 1 << 0
ALLOW_CLIENT_RENEGOTIATION = 1 << 8
ALLOW_NO_DHE_KEX = 1 << 10
NO_TICKET = 1 << 14
NO_ENCRYPT_THEN_MAC = 1 << 19
ENABLE_MIDDLEBOX_COMPAT = 1 << 20
CIPHER_SERVER_PREFERENCE = 1 << 22

KEY_LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
ALPN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_ubyte),
    ctypes.POINTER(ctypes.c_ubyte),
    ctypes.c_uint,
    ctypes.c_void_p,
)
EARLY_ERROR, EARLY_SUCCESS, EARLY_FINISH = range(3)
EARLY_STATUS = ("not sent", "rejected", "accepted")


def _declare() -> None:
    """Tell ctypes which results are pointers or texts; arguments are all wrapped by hand."""
    pointers = "TLS_method SSL_CTX_new SSL_new SSL_get1_session SSL_get_current_cipher"
    for name in pointers.split():
        getattr(LIBRARY, name).restype = ctypes.c_void_p
    for name in ("SSL_get_version", "SSL_CIPHER_standard_name"):
        getattr(LIBRARY, name).restype = ctypes.c_char_p
    LIBRARY.SSL_CTX_set_options.restype = ctypes.c_uint64
    for name in ("SSL_CTX_ctrl", "SSL_ctrl"):
        getattr(LIBRARY, name).restype = ctypes.c_long


_declare()


class Context:
    """An SSL_CTX: what one end is willing to speak.

    Args:
        versions: the lowest and the highest version of TLS.
        suites: those of TLS 1.3, as a list of OpenSSL.
        ciphers: those of TLS 1.2 and below, as a list of OpenSSL.
        groups: as a list of OpenSSL; a client sends a share of its first one.
        options: to set.
        unset: options that are on without asking.
        key_log: takes each line of the key log.
        certificates: files with key and certificate; a server needs one.
        alpn: the protocols that are offered, or the one that a server chooses.
    """

    def __init__(
        self,
        *,
        versions: tuple[int, int] = (TLS_1_2, TLS_1_3),
        suites: str = "",
        ciphers: str = "",
        groups: str = "",
        options: int = 0,
        unset: int = 0,
        key_log: Callable[[bytes], None] | None = None,
        certificates: tuple[Path, ...] = (),
        alpn: bytes = b"http/1.1",
    ) -> None:
        self.pointer = ctypes.c_void_p(LIBRARY.SSL_CTX_new(ctypes.c_void_p(LIBRARY.TLS_method())))
        self._kept: list[object] = []
        self.early = False
        for path in certificates:
            for load in ("SSL_CTX_use_certificate_file", "SSL_CTX_use_PrivateKey_file"):
                self._must(load, str(path).encode(), 1)
        for number, version in zip((123, 124), versions, strict=True):
            self.control(number, version)
        if suites:
            self._must("SSL_CTX_set_ciphersuites", suites.encode())
        if ciphers:
            self._must("SSL_CTX_set_cipher_list", ciphers.encode())
        if groups:
            LIBRARY.SSL_CTX_ctrl(self.pointer, 92, ctypes.c_long(0), groups.encode())
        self._call("SSL_CTX_set_options", ctypes.c_uint64(options))
        self._call("SSL_CTX_clear_options", ctypes.c_uint64(unset))
        if key_log:
            line = KEY_LOG(lambda _ssl, text: key_log(text))
            self._keep("SSL_CTX_set_keylog_callback", line)
        if certificates:
            self.control(118, 1)  # Parameters of DHE, chosen by libssl.
            self._must("SSL_CTX_set_session_id_context", b"captures", 8)
            self._choose(alpn)
        else:
            offer = bytes([len(alpn)]) + alpn
            self._call("SSL_CTX_set_alpn_protos", offer, len(offer))

    def control(self, number: int, value: int) -> None:
        """One of the settings that openssl/ssl.h has as macros of SSL_CTX_ctrl."""
        assert LIBRARY.SSL_CTX_ctrl(self.pointer, number, ctypes.c_long(value), None)

    def records_of(self, size: int) -> None:
        """Records of at most this many bytes are sent."""
        self.control(52, size)

    def padded_to(self, size: int) -> None:
        """Records of TLS 1.3 are padded to a multiple of this many bytes."""
        self._must("SSL_CTX_set_block_padding", ctypes.c_size_t(size))

    def verify(self) -> None:
        """A client checks the certificate; it knows no authority, so that it refuses any."""
        LIBRARY.SSL_CTX_set_verify(self.pointer, 1, None)

    def early_data(self, size: int) -> None:
        """A server takes this many bytes of early data."""
        self.early = True
        self._must("SSL_CTX_set_max_early_data", ctypes.c_uint32(size))
        self._must("SSL_CTX_set_recv_max_early_data", ctypes.c_uint32(size))

    def _choose(self, alpn: bytes) -> None:
        kept = ctypes.create_string_buffer(alpn, len(alpn))

        def choose(_ssl, out, size, offer, length, _argument):  # type: ignore[no-untyped-def]
            if alpn not in bytes(offer[:length]):
                return 2  # SSL_TLSEXT_ERR_ALERT_FATAL
            out[0], size[0] = ctypes.addressof(kept), len(alpn)
            return 0

        self._kept.append(kept)
        self._keep("SSL_CTX_set_alpn_select_cb", ALPN(choose))

    def _keep(self, name: str, callback: object) -> None:
        self._kept.append(callback)
        self._call(name, callback, None)

    def _call(self, name: str, *arguments: object) -> int:
        return int(getattr(LIBRARY, name)(self.pointer, *arguments))

    def _must(self, name: str, *arguments: object) -> None:
        # SSL_CTX_set_alpn_protos is 0 on success and goes by _call.
        assert self._call(name, *arguments) == 1, (name, arguments)


class Session:
    """An SSL over a connected socket; `who` is "client" or "server"."""

    def __init__(
        self, context: Context, connection: socket.socket, who: str, name: str = ""
    ) -> None:
        self.context, self.connection, self.who = context, connection, who
        self.pointer = ctypes.c_void_p(LIBRARY.SSL_new(context.pointer))
        self.notified = False
        LIBRARY.SSL_set_fd(self.pointer, connection.fileno())
        state = "SSL_set_connect_state" if who == "client" else "SSL_set_accept_state"
        getattr(LIBRARY, state)(self.pointer)
        if name:
            LIBRARY.SSL_ctrl(self.pointer, 55, ctypes.c_long(0), name.encode())

    def handshake(self) -> bool:
        call = LIBRARY.SSL_connect if self.who == "client" else LIBRARY.SSL_accept
        return bool(call(self.pointer) == 1)

    def read(self) -> bytes:
        """What comes next; nothing at the end."""
        space = ctypes.create_string_buffer(1 << 16)
        size = LIBRARY.SSL_read(self.pointer, space, len(space))
        return space.raw[: max(0, size)]

    def write(self, data: bytes) -> None:
        if data:
            assert LIBRARY.SSL_write(self.pointer, data, len(data)) == len(data)

    def write_early(self, data: bytes) -> None:
        done = ctypes.c_size_t()
        size = ctypes.c_size_t(len(data))
        assert LIBRARY.SSL_write_early_data(self.pointer, data, size, ctypes.byref(done))

    def read_early(self) -> tuple[int, bytes]:
        """EARLY_FINISH when there is no more; EARLY_ERROR as well when none was sent."""
        space, done = ctypes.create_string_buffer(1 << 14), ctypes.c_size_t()
        state = LIBRARY.SSL_read_early_data(
            self.pointer, space, ctypes.c_size_t(len(space)), ctypes.byref(done)
        )
        return state, space.raw[: done.value]

    def update_keys(self, *, both: bool) -> None:
        """The next record is a KeyUpdate; with `both` the peer is asked for one as well."""
        assert LIBRARY.SSL_key_update(self.pointer, int(both)) == 1
        assert LIBRARY.SSL_do_handshake(self.pointer) == 1

    def renegotiate(self, *, abbreviated: bool = False) -> None:
        call = LIBRARY.SSL_renegotiate_abbreviated if abbreviated else LIBRARY.SSL_renegotiate
        assert call(self.pointer) == 1
        assert LIBRARY.SSL_do_handshake(self.pointer) == 1

    def resume(self, ticket: ctypes.c_void_p) -> None:
        assert LIBRARY.SSL_set_session(self.pointer, ticket) == 1

    def ticket(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(LIBRARY.SSL_get1_session(self.pointer))

    def facts(self) -> dict[str, object]:
        """What libssl says of the session."""
        cipher = ctypes.c_void_p(LIBRARY.SSL_get_current_cipher(self.pointer))
        version = LIBRARY.SSL_get_version(self.pointer).decode()
        facts: dict[str, object] = {
            "version": version,
            "cipher": LIBRARY.SSL_CIPHER_standard_name(cipher).decode(),
            "resumed": bool(LIBRARY.SSL_session_reused(self.pointer)),
        }
        if version == "TLSv1.3":
            facts["early_data"] = EARLY_STATUS[LIBRARY.SSL_get_early_data_status(self.pointer)]
        else:
            extended = LIBRARY.SSL_ctrl(self.pointer, 122, ctypes.c_long(0), None)
            facts["extended_master_secret"] = bool(extended)
        return facts

    def notify(self) -> None:
        """Send close_notify, once."""
        if not self.notified:
            self.notified = True
            LIBRARY.SSL_shutdown(self.pointer)

    def cut(self, data: bytes) -> None:
        """Send bytes as they are, and no close_notify after them."""
        self.connection.sendall(data)
        self.notified = True

    def close(self) -> None:
        """End the connection, after close_notify."""
        self.notify()
        LIBRARY.SSL_free(self.pointer)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
