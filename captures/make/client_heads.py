"""What known clients send for the same things: a WebSocket, polls, posts and server-sent events.

Each client opens a WebSocket and closes it, asks twice for news (GET), posts JSON twice and reads
one event of a stream, from one server of this script. Browsers do so from a page: of the same
site on loopback, which they trust as they do https; of the same site on an address that they do
not trust; and of another site. Clients without a WebSocket of their own are left out, but
for those whose User-Agent stands in handshakes that people write by hand (curl).

    python client_heads.py
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.server
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import recording
from asked import asked
from client_programs import KEY, PROGRAMS

PORT, OTHER = 9051, 9052
PLAIN = "10.20.0.1"
"""An address of the namespace's loopback that is none of 127.0.0.0/8."""
PAGE = Path(__file__).with_name("client_heads.html").read_bytes()
BROWSERS = {
    "chromium": ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update"],
    "firefox": ["firefox-esr", "--headless", "--no-remote"],
}  # fmt: skip
HEADLESS = "Headless"
PREFERENCES = """user_pref("network.manage-offline-status", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
"""
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one exchange after the other, and logs it with the size of its request's head."""

    protocol_version = "HTTP/1.1"
    events: ClassVar[list[recording.Event]] = []
    done = threading.Event()

    def log_message(self, *arguments: Any) -> None:
        """Print nothing."""

    def note(self, status: int, kind: str, body: int) -> None:
        head = len(self.raw_requestline) + 2
        head += sum(len(name) + len(value) + 4 for name, value in self.headers.items())
        self.events.append({
            "port": self.client_address[1], "who": "server", "event": "exchange",
            "method": self.command, "path": self.path.partition("?")[0], "status": status,
            "kind": kind, "body_bytes": body, "head_bytes": head,
        })  # fmt: skip

    def answer(self, status: int, content_type: str, body: bytes, kind: str = "plain") -> None:
        self.note(status, kind, len(body))
        self.send_response(status)
        self._allow()
        if content_type:
            self.send_header("Content-Type", content_type)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if content_type == "text/html":
            self.send_header("Set-Cookie", "session=0f3a9c5d7e21b846; Path=/; SameSite=Lax")
        self.end_headers()
        self.wfile.write(body)

    def _allow(self) -> None:
        """Let a page of another origin read, with its cookies."""
        origin = self.headers.get("Origin")
        if origin:
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
            self.send_header("Access-Control-Max-Age", "600")

    def do_OPTIONS(self) -> None:
        self.answer(204, "", b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(204, "", b"")

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/socket":
            self.socket()
        elif path == "/api/events":
            self.stream()
        elif path == "/api/news":
            self.answer(200, "application/json", b'["news"]')
        elif path == "/page":
            self.answer(200, "text/html", PAGE)
        elif path == "/done":
            self.answer(204, "", b"")
            self.done.set()
        else:
            self.answer(404, "text/plain", b"")

    def stream(self) -> None:
        body = b"data: news\n\n"
        self.note(200, "sse", len(body))
        self.send_response(200)
        self._allow()
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        with contextlib.suppress(OSError):
            # Until the client leaves.
            self.connection.recv(1)
        self.close_connection = True

    def socket(self) -> None:
        """Open a WebSocket, wait for the client's Close, and answer it (RFC 6455 5.5.1)."""
        port = self.client_address[1]
        key = self.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Accept", accept)):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.events.append({"port": port, "who": "server", "event": "open", "path": self.path,
                            "fields": list(self.headers.items())})  # fmt: skip
        head = self.rfile.read(6)
        assert head[0] == 0x88, head
        masked = self.rfile.read(head[1] & 0x7F)
        payload = bytes(byte ^ head[2 + n % 4] for n, byte in enumerate(masked))
        code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1005
        # Whether it waits for the server's Close shows only on the wire: see note_leavers().
        self.events.append({"port": port, "who": "client", "event": "closing", "how": "close",
                            "code": code, "reason": payload[2:].decode()})  # fmt: skip
        self.wfile.write(bytes((0x88, len(payload))) + payload)
        self.close_connection = True


def browse(name: str, page: str, api: str) -> None:
    """Let a browser load the page, which does the rest and then says so."""
    with tempfile.TemporaryDirectory() as profile:
        command = list(BROWSERS[name])
        if name == "chromium":
            # What tells a browser without a window from one with it is no part of this.
            agent = f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major()}.0.0.0 Safari/537.36"  # noqa: E501
            command += [f"--user-data-dir={profile}", f"--user-agent={agent}"]
        else:
            (Path(profile) / "user.js").write_text(PREFERENCES)
            command += ["--profile", profile]
        Handler.done.clear()
        process = subprocess.Popen(
            [*command, f"{page}/page" + (f"?{api}" if api != page else "")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )  # fmt: skip
        try:
            assert Handler.done.wait(90), f"{name} did not finish"
            time.sleep(0.3)
        finally:
            process.terminate()
            process.wait()


def major() -> str:
    return recording.program_version("chromium", "--version").split()[1].partition(".")[0]


def run_java(site: str, folder: Path) -> None:
    source = Path(__file__).with_name("ClientHeads.java")
    subprocess.run(["java", str(source), site], check=True, cwd=folder, timeout=60)


def run_node(site: str) -> None:
    script = Path(__file__).with_name("client_heads.js")
    modules = recording.node_modules("undici@7")
    subprocess.run(
        ["node", str(script), site], check=True, timeout=60,
        env={**os.environ, "NODE_PATH": str(modules)},
    )  # fmt: skip


def run_curl(site: str) -> None:
    """curl, whose handshake is one of fields given by hand."""
    common = ["curl", "--silent", "--output", "/dev/null", "--noproxy", "*"]
    fields = ["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}",
              "Sec-WebSocket-Version: 13"]  # fmt: skip
    upgrade = [part for each in fields for part in ("-H", each)]
    close = bytes((0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8))
    # It sends no frame of its own: what it uploads as a body of unknown length goes for one.
    command = [*common, "--max-time", "3", "--http1.1", *upgrade, "-H", "Transfer-Encoding:",
               "-T", "-", "-X", "GET", "-H", "Expect:", f"{site}/api/socket"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        # Not before the 101 is there.
        time.sleep(1)
        process.stdin.write(close)
        process.stdin.close()
    asks = ["--output", "/dev/null", *(f"{site}/api/news?after={n}" for n in (0, 1))]
    posts = ["-H", "Content-Type: application/json", "-d", json.dumps({"text": "hello"})]
    subprocess.run([*common, *asks], check=True, timeout=20)
    subprocess.run([*common, *posts, f"{site}/api/say"], check=True, timeout=20)
    subprocess.run(
        [*common, "-N", "--max-time", "1", "-H", "Accept: text/event-stream", f"{site}/api/events"],
        check=False, timeout=20,
    )  # fmt: skip


def note_leavers(path: Path, events: list[dict[str, Any]]) -> None:
    """Log `fin` for who ended its TCP connection before the server's Close, as tshark sees it.

    httpx-ws does not wait for it. No program tells, so the packets must.
    """
    fins = recording.tshark_fields(
        path, f"tcp.flags.fin == 1 && tcp.dstport == {PORT}", "tcp.srcport", "frame.number"
    )
    closes = recording.tshark_fields(
        path, f"websocket.opcode == 8 && tcp.srcport == {PORT}", "tcp.dstport", "frame.number"
    )
    answered = {int(port): int(number) for port, number in closes}
    left = {int(port) for port, number in fins if int(number) < answered.get(int(port), 0)}
    for event in events:
        if event["event"] == "closing":
            event["how"] = "fin" if event["port"] in left else "close"


def main() -> None:
    asked(__doc__)
    # While there is a way out.
    os.environ["CAPTURES_NODE_MODULES"] = str(recording.node_modules("undici@7"))
    recording.isolate()
    subprocess.run(["ip", "addr", "add", f"{PLAIN}/32", "dev", "lo"], check=True)
    servers = []
    for port in (PORT, OTHER):
        server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "client-heads.pcap"
        with recording.capture(path, pattern=f"tcp port {PORT} or tcp port {OTHER}"):
            trusted, plain = f"http://127.0.0.1:{PORT}", f"http://{PLAIN}:{PORT}"
            for browser in BROWSERS:
                browse(browser, trusted, trusted)
                browse(browser, plain, plain)
                browse(browser, f"http://127.0.0.1:{OTHER}", trusted)
            run_curl(plain)
            run_java(plain, folder)
            run_node(plain)
            for program in PROGRAMS.values():
                asyncio.run(program(plain))
        events = Handler.events
        note_leavers(path, events)
        recording.publish(
            path,
            path.name,
            description="what clients send for a WebSocket, polls, posts and server-sent events:"
            " Chromium, Firefox, curl, java.net.http, undici, requests, aiohttp, httpx",
            generator=Path(__file__).name,
            programs=[
                recording.program_version("chromium", "--version"),
                recording.program_version("firefox-esr", "--version"),
                " ".join(recording.program_version("curl", "--version").split()[:2]),
                recording.program_version("java", "-version").replace('"', ""),
                "node " + recording.program_version("node", "--version"),
                recording.npm_version(recording.node_modules(), "undici"),
                f"Python {platform.python_version()}",
                *recording.python_versions(
                    "aiohttp", "httpx", "httpx-ws", "requests", "websockets"
                ),
            ],
            events=events,
        )


if __name__ == "__main__":
    assert shutil.which("firefox-esr"), "apt-get install firefox-esr"
    sys.exit(main())
