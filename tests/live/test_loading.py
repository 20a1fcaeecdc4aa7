"""Nothing is loaded after rights are dropped: a process that may not open Python's files any more.

From the moment at which rights are dropped, an audit hook refuses every import and every file
of the interpreter and of its libraries, as for a user who may not read the folder they lie in.
Recorded captures then reach the stages and reports that load late.
"""

import ast
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapReader, wrpcap

from analyzer.cli import main
from analyzer.live import loading

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"

NAMES = [
    # JSON bodies, Engine.IO by polling, its binary packets, SockJS.
    *("socket-io-polling", "socket-io-calls-polling", "socket-io-2", "sockjs-stomp-xhr-polling"),
    *("sockjs-stomp-eventsource", "chat-long-poll", "chat-sse", "json-rpc"),
    # HTTP/2, TLS with its keys, compression, closes.
    *("http2-clear", "http2-awkward-tls", "npm-wss", "chromium-nginx-http2", "handshakes"),
    *("npm-ws-deflate-takeover", "npm-ws-closes", "python-aiohttp-plain-http", "bridge-any"),
    # Protocols inside.
    *("mqtt-5", "phoenix", "signalr-messagepack", "jupyter-v1", "centrifugo", "pusher"),
    *("ocpp-16", "sip", "rfb", "kubernetes-v4", "graphql-ws", "ddp", "home-assistant"),
    *("action-cable", "wamp-cbor", "wamp-msgpack", "xmpp", "chromium-cdp"),
    # Topics that the server's code crosses; publications; deliveries by polls and streams.
    *("spring-chat", "stomp-rabbitmq-12", "mqtt-split", "engine-io-polling"),
    *("board-stream", "gauges-short-poll", "presence-sse", "feed-stream-buffered"),
    # Ciphers, keys in the capture, tunnels.
    *("tls12-cbc", "tls12-aead", "tls13-suites", "wss-embedded-head", "tunnel-ssh", "vxlan"),
]  # fmt: skip

SCRIPT = """
import io, json, os, sys, threading, urllib.request
from analyzer.capture import privileges
from analyzer.cli import main
from analyzer.live import watch

denied, armed = [], False
allowed = tuple(json.loads(sys.argv[1]))
homes = tuple(map(os.path.realpath, (sys.prefix, sys.base_prefix, sys.argv[2])))

def hook(event, given):
    if not armed:
        return
    if event == "import":
        denied.append(f"import {given[0]}")
        raise ImportError(f"denied: {given[0]}")
    if event == "open" and isinstance(given[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(given[0]))
        if path.startswith(homes) and not path.startswith(allowed):
            denied.append(f"open {path}")
            raise PermissionError(13, "denied", path)

class Scraped(list):
    def __init__(self, made):
        super().__init__(made)
        for each in made:
            port = getattr(each, "port", None)
            if port:
                for kind in ("text/plain", "application/openmetrics-text"):
                    asked = urllib.request.Request(
                        f"http://127.0.0.1:{port}/metrics",
                        headers={"Accept": kind, "Accept-Encoding": "gzip"},
                    )
                    opener.open(asked).read()

def drop(user):
    global armed
    armed = True

built = watch.build_observers
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
watch.build_observers = lambda *given: Scraped(built(*given))
privileges.target = lambda asked: privileges.User("nobody", 65534, 65534)
privileges.drop = drop
sys.addaudithook(hook)
real, folder = sys.stdin, sys.argv[3]
outcome = {}
for number, path in enumerate(sys.argv[4:]):
    keys = path.rpartition(".")[0] + ".keys"
    given = ["live", "--follow", path, "--count", "100000", "--for", "30ms"]
    given += ["--keys", keys] if os.path.exists(keys) else []
    place = f"{folder}/{number}"
    given += ["--json", place + "j", "--payload", "full", "--events", "messages,findings,http"]
    if number < 2:  # a third of a second each
        given += ["--csv", place + "c", "--parquet", place + "p", "--write", place + "w.pcapng",
                  "--metrics", ":0", "--metrics-labels", "host,path", "--fail-on", "error",
                  "--rotate", "1s"][: -2 if number else None]
    outcome[path] = main.main(given)
sys.stderr.write("\\n" + json.dumps({"outcome": outcome, "denied": sorted(set(denied))}))
"""


def look_ups(folder):
    """Return a capture in which a name is looked up before the connect, over UDP and TCP."""
    query = DNS(id=1, qd=DNSQR(qname="app.test"))
    found = DNSRR(rrname="app.test", type="A", rdata="127.0.0.1")
    answer = DNS(id=1, qr=1, qd=DNSQR(qname="app.test"), an=found)
    whole = struct.pack("!H", len(bytes(query))) + bytes(query)
    there, back = IP(src="127.0.0.1", dst="127.0.0.2"), IP(src="127.0.0.2", dst="127.0.0.1")
    packets = [
        Ether() / there / UDP(sport=5000, dport=53) / query,
        Ether() / back / UDP(sport=53, dport=5000) / answer,
        Ether() / there / TCP(sport=5001, dport=53, flags="PA") / whole,
    ]
    with PcapReader(str(CAPTURES / "npm-ws-basic.pcap")) as talk:
        packets += list(talk)
    for at, packet in enumerate(packets[:3]):
        packet.time = packets[3].time - 1 + at / 10
    path = folder / "look-ups.pcap"
    wrpcap(str(path), packets)
    return path


def anonymized(folder):
    """Return a capture that carries the figures of its original."""
    path = folder / "anonymized.pcapng"
    assert main.main([str(CAPTURES / "json-rpc.pcap"), "-q", "--pcapng", str(path),
                      "--anonymize"]) == 0  # fmt: skip
    return path


EARLIER = {
    # Before rights are dropped, for filters and sockets.
    *("scapy", "pcapy"),
    # Before as well, for patterns in the names of captures.
    "glob",
    # Of no live run: pages, pictures, progress, other verbs.
    *(
        "jinja2",
        "matplotlib",
        "rich.panel",
        "rich.progress",
        "analyzer.cli",
        "dask",
        "distributed",
        "fsspec",
    ),
}
LATE = """
import ast, json, sys
from pathlib import Path
from analyzer.live import loading, watch
watched = watch.WatchRequest(metrics=":0", rotate="1h", csv="x", events="")
loading.load_all([*watch.modules(watched), "termios", "tty"], tables=True)
missing = {}
for path in Path("analyzer").rglob("*.py"):
    for made in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(made, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(made):
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            else:
                names = [node.module] if isinstance(node, ast.ImportFrom) else []
            missing |= {name: str(path) for name in names if name not in sys.modules}
print(json.dumps(missing))
"""


def test_all_that_functions_import_is_loaded():
    done = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, check=True, cwd=ROOT
    )
    missing = json.loads(done.stdout)
    assert "scapy.error" in missing
    left = {
        name: path
        for name, path in missing.items()
        if not any(f"{name}.".startswith(f"{each}.") for each in EARLIER)
    }
    assert left == {}


def test_nothing_is_loaded_after_rights_are_dropped(tmp_path):
    pytest.importorskip("prometheus_client")
    paths = [str(next(CAPTURES.glob(f"{name}.pcap*"))) for name in NAMES]
    paths += [str(look_ups(tmp_path)), str(anonymized(tmp_path))]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([str(CAPTURES)]), ROOT, tmp_path, *paths],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    told = json.loads(done.stderr.rpartition("\n")[2])
    assert told["denied"] == []
    assert set(told["outcome"].values()) <= {0, 1}
    assert len(told["outcome"]) == len(paths)


def test_all_codecs_that_the_program_names_are_looked_up():
    asked = {
        "encode",
        "decode",
        "lookup",
        "getincrementaldecoder",
        "getincrementalencoder",
        "getdecoder",
    }
    named = set()
    for path in (ROOT / "analyzer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            first = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "encoding")]
            named |= {
                each.value
                for each in first
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and name in asked
            }
    assert "utf-8-sig" in named
    assert named <= set(loading.CODECS)
