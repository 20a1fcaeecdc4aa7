"""`openssl s_server` and `s_client` on loopback, and what passed between them."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from oracle.tls_ends import Turns, contexts
from oracle.tls_sessions import cut

WAIT_S = 120.0


class Relay:
    """Passes one TCP connection on, and keeps what passed, in order."""

    def __init__(self, port: int) -> None:
        self.turns: Turns = []
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT_S)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            near, _ = self._listener.accept()
            with near, socket.create_connection(("127.0.0.1", self._to)) as far:
                self._pass(near, far)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        ends = [near, far]
        reading = list(ends)
        while reading:
            ready, _, _ = select.select(reading, [], [], WAIT_S)
            if not ready:
                return
            for end in ready:
                data = end.recv(65536)
                side = ends.index(end)
                if not data:
                    reading.remove(end)
                    with contextlib.suppress(OSError):
                        ends[1 - side].shutdown(socket.SHUT_WR)
                    continue
                self.turns.append((side, data))
                ends[1 - side].sendall(data)

    def wait(self) -> None:
        self._thread.join(WAIT_S)

    def until(self, met: Callable[[], bool]) -> None:
        """Wait until enough passed."""
        end = time.monotonic() + WAIT_S
        while not met():
            assert time.monotonic() < end, [each[:3] for each in cut(self.turns)]
            time.sleep(0.02)


class Server:
    """An `openssl s_server` that lives as long as the `with` block."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        contexts(folder)  # makes the certificate
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", *arguments]
        if "-nocert" not in arguments:
            command += ["-cert", str(folder / "certificate.pem"), "-key", str(folder / "key.pem")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self.port = self._accepting()
        threading.Thread(target=self._drain, daemon=True).start()

    def _accepting(self) -> int:
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith(b"ACCEPT "):
                return int(line.rpartition(b":")[2])
        raise AssertionError(b"".join(said))

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            while self._process.stdout.read(65536):
                pass

    def say(self, text: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def client(
    port: int, log: Path, *arguments: str
) -> Iterator[tuple[Relay, Callable[[bytes], None]]]:
    """Run `openssl s_client`: yields what passes, and a function that types a line.

    At the end of the block it closes the session.
    """
    relay = Relay(port)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}"]
    command += ["-keylogfile", str(log), *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    assert process.stdin is not None
    try:
        yield relay, process.stdin.write
        process.stdin.write(b"Q\n")
        process.wait(WAIT_S)
        relay.wait()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
