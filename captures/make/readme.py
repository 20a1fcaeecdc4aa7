"""Write captures/README.md from captures/manifest.json."""

from __future__ import annotations

import json
from typing import Any

import recording
from asked import asked

HEAD = """# Sample captures

Small captures of real programs, with what they must contain according to a source other
than wsanalyze: the programs' own logs (`logs/`, one event per line, see
`make/recording.py`) and tshark 4.0.17. `manifest.json` holds both for each capture, and
says where tshark is known to be wrong. Tests need nothing but these files. A capture of
TLS has its key log beside it (`NAME.keys`), but for those that hold it themselves; what is
inside stands in the manifest under `log_decrypted` and `tshark_decrypted`. WebSocket over
HTTP/2 in clear stands under `log_http2` and `tshark_http2`, its streams under `by_stream`
(client port/stream), and `data_frames` has the frames in the DATA that tshark found. The
columns below count what is inside; where tshark counts nothing without keys or without
HTTP/2, its group `tshark` says so.

## Make them again

As root on Debian 12, each generator by itself, such as `python captures/make/npm_ws.py`:

- Debian packages: tcpdump, tshark, iproute2, nodejs, npm; nginx for `nginx_proxy.py` and
  `why.py`;
  tomcat10, tomcat10-examples and chromium for `tomcat_chat.py`; tinyproxy for
  `connect_proxy.py`; nginx, nghttp2-proxy and curl for `http2_clear.py`; openssl for
  `python_wss.py`, `openssl_tls.py` and all others with TLS; chromium, nginx and curl for
  `chromium_wss.py`; chromium for `http2_node.py`; a JDK for `java_wss.py`; mosquitto and
  chromium for `inside_npm.py`; rabbitmq-server for `inside_rabbitmq.py`; a JDK, chromium,
  libspring-messaging-java, libspring-context-java and libtomcat9-java for `spring_chat.py`.
- Python packages: websockets, aiohttp; h2 and hypercorn for `http2_h2.py` and
  `http2_hypercorn.py`; zstandard for `faults.py`; ocpp for `inside_ocpp.py`; jupyter-server
  and ipykernel for `inside_jupyter.py`; python-socketio for `inside_socketio.py`. The tests
  need none of the last four.
- npm packages are installed into a temporary folder, or taken from the folder that
  `CAPTURES_NODE_MODULES` names: ws, playwright-core, socket.io, socket.io-client, sockjs,
  sockjs-client, @stomp/stompjs; those of `inside_npm.py` stand with each of its scenarios.

Generators run in a network namespace of their own. Payloads are made with fixed seeds;
ports, keys, times and packet sizes differ from run to run, so a new run replaces capture,
log and manifest entry together, and stops where tshark and the programs disagree.

- `make/faults.py` makes faulty copies (loss, reordering, duplicates, cuts and more) of any
  capture, the same for the same seed: `faults.make(source, kind, seed)`. A few are in
  `faults/`.
- `make/peers.py` builds, byte by byte, one capture for each case on which another analyzer
  fails: `peers.cases()`. Nothing of it is stored.
- `make/chat_transports.py` sends two workloads (`make/workloads.py`: chat and feed) over five
  transports, each over loopback and over a path with a round trip of 40 ms. Their `delivery` in
  the manifest has requests, deliveries and delays as the programs logged them. The feed is held
  out: it is for proving what was found with the chat, not for finding.
- `make/why.py` records causes that diagnosis must say, and controls near them (`why-*.pcap`);
  it needs nginx, and runs the scenarios that it is given, or all. Their `cause` in the manifest
  has the ids that are right, and what the programs were told to do.
- `make/openssl_tls.py` reaches TLS's rare cases through OpenSSL's libssl (`make/libssl.py`);
  it runs the scenarios that it is given, or all. Its logs say for each session what libssl
  says of it (events `tls`).
- `make/inside_*.py`, `make/rabbitmq.py` and `make/inside/` record protocols inside WebSocket.
  Their logs also have what the programs say in terms of their own protocol (`said`), their
  calls with outcome and times, what they publish and what each reader was given
  (`make/inside/said.js`, `make/said.py`). `inside_npm.py` runs the scenarios that it is given,
  or all. Where the row says that a server is a small one, it is written here after the
  protocol's specification and the client is the protocol's own; what `inside_made.py` makes is
  written after the specification on both sides, over real WebSocket.
- `make/embedded_keys.py` makes copies of `wss-tls13.pcap`, the same from the same input.
- `make/readme.py` writes this page.
- `make/golden.py` writes what some of them yield into `../reports/`; the samples in the README
  and in `docs/` come from captures as well and are made anew by `../docs/samples.py`. Run both
  after a capture has changed.

## The captures

| capture | packets | what it shows | connections | messages of client / server | close | made by |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    asked(__doc__)
    manifest = json.loads(recording.MANIFEST.read_text())
    lines = []
    for name, entry in manifest.items():
        expected = entry["expected"]
        inside = ("log_decrypted", "log_http2", "log")
        log: dict[str, Any] = next((expected[key] for key in inside if key in expected), {})
        sides = log.get("messages", {})
        counts = [
            str(sides[side]["text"] + sides[side]["binary"]) if side in sides else "-"
            for side in ("client", "server")
        ]
        closes = {
            f"{row['close']['closed_by']} {row['close']['code'] or row['close']['kind']}"
            for group in ("by_client_port", "by_stream")
            for row in log.get(group, {}).values()
            if "close" in row
        }
        cells = [
            f"`{name}`",
            str(expected["tshark"]["packets"]),
            entry["description"],
            str(log.get("connections", "-")),
            " / ".join(counts),
            ", ".join(sorted(closes)) or "-",
            "; ".join(entry["programs"]),
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    notes = [
        f"- `{name}`: {entry['tshark_notes']}.\n"
        for name, entry in manifest.items()
        if "tshark_notes" in entry
    ]
    page = HEAD + "".join(lines) + "\n## Where tshark 4.0.17 differs\n\n" + "".join(notes)
    (recording.CAPTURES / "README.md").write_text(page)


if __name__ == "__main__":
    main()
