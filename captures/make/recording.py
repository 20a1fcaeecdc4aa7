"""Record one scenario of real programs: capture, application log, expected counts.

Called by the generators beside it. Knows tcpdump, dumpcap, tshark and the manifest;
knows nothing of what the programs under capture do, and never imports analyzer: the
expected counts must not come from the code that is tested with them.

Application events are dicts, one per line of captures/logs/NAME.jsonl:

    port    the client's TCP port, which names the connection
    stream  the stream of HTTP/2 that is a WebSocket, where it is one
    who     "client" or "server": the end that logged the event
    event   open, sent, received, ping, closing, closed, refused
    type, size, sha256 (first 16 hex digits), code, reason, status, how: as they apply

What programs say in terms of a protocol inside WebSocket is in events that make/inside/said.js
describes (speaks, said, call, publish, delivery); of HTTP their port is null.

`ping` and `closing` are logged by the end that sends the Ping, or that is the first to
end the connection; `how` is "close" (a Close frame), "fin" or "reset"; of a stream these are
END_STREAM and RST_STREAM, with its `error_code`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).resolve().parent.parent
LOGS = CAPTURES / "logs"
MANIFEST = CAPTURES / "manifest.json"
MAX_BYTES = 500_000
OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
INSIDE = ("speaks", "said", "call", "publish", "delivery")

Event = dict[str, Any]


def isolate() -> None:
    """Start the calling script again in a network namespace of its own.

    Its loopback then carries nothing but the scenario, and fixed ports are free.
    """
    if os.environ.get("CAPTURES_ISOLATED"):
        return
    os.environ["CAPTURES_ISOLATED"] = "1"
    command = 'ip link set lo up && exec "$@"'
    arguments = ["unshare", "--net", "--", "sh", "-c", command, "sh", sys.executable, *sys.argv]
    os.execvp(arguments[0], arguments)


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:16]


def message(who: str, event: str, port: int, data: str | bytes) -> Event:
    payload = data.encode() if isinstance(data, str) else bytes(data)
    kind = "text" if isinstance(data, str) else "binary"
    return {
        "port": port,
        "who": who,
        "event": event,
        "type": kind,
        "size": len(payload),
        "sha256": digest(payload),
    }


def node_modules(*packages: str) -> Path:
    """Install npm packages into a temporary folder; CAPTURES_NODE_MODULES is used if set."""
    given = os.environ.get("CAPTURES_NODE_MODULES")
    if given:
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="captures-npm-"))
    (folder / "package.json").write_text("{}")
    subprocess.run(
        ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--silent", *packages],
        cwd=folder,
        check=True,
    )
    return folder / "node_modules"


def npm_version(modules: Path, package: str) -> str:
    version = json.loads((modules / package / "package.json").read_text())["version"]
    return f"npm {package} {version}"


def run_node(script: Path, modules: Path, *arguments: str) -> list[Event]:
    """Run a script that prints events as JSON lines."""
    done = subprocess.run(
        ["node", str(script), *arguments],
        env={**os.environ, "NODE_PATH": str(modules)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def python_versions(*packages: str) -> list[str]:
    """Names and versions of Python packages, for the manifest."""
    return [f"Python {package} {importlib.metadata.version(package)}" for package in packages]


def program_version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a capturing program; it writes out what it holds.

    A signal that falls between its look at the stop flag and its wait for packets is not
    noticed before the next packet, which on a quiet interface never comes: so it is sent again.
    """
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=3)
            return
    process.kill()
    raise RuntimeError("the capturing program does not stop")


@contextlib.contextmanager
def capture(
    path: Path,
    *,
    interface: str = "lo",
    pattern: str = "tcp",
    options: Sequence[str] = (),
    prefix: Sequence[str] = (),
) -> Iterator[None]:
    """Run tcpdump (or dumpcap for .pcapng) while the body runs.

    Args:
        path: the file to write.
        interface: to listen on.
        pattern: capture filter.
        options: more options of the program.
        prefix: put before the command, such as `ip netns exec NAME`.
    """
    if path.suffix == ".pcapng":
        command = ["dumpcap", "-q", "-i", interface, "-f", pattern, "-w", str(path), *options]
        ready = b"File:"
    else:
        command = [
            "tcpdump",
            "-i",
            interface,
            "-U",
            "--immediate-mode",
            "-B",
            "16384",
            "-Z",
            "root",
        ]
        command += ["-w", str(path), *options, pattern]
        ready = b"listening on"
    with subprocess.Popen([*prefix, *command], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = b""
        for line in process.stderr:
            said += line
            if ready in line:
                break
        else:
            raise RuntimeError(f"{command[0]} did not start: {said!r}")
        time.sleep(0.3)
        try:
            yield
            time.sleep(0.6)
        finally:
            stop(process)
    if path.suffix == ".pcapng":
        path.write_bytes(without_machine(path.read_bytes()))


def without_machine(data: bytes) -> bytes:
    """A little-endian pcapng without the options that describe the recording machine."""
    dropped = {0x0A0D0D0A: {2, 3}, 1: {12}}
    fixed = {0x0A0D0D0A: 24, 1: 16}
    out, at = [], 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        block = data[at : at + length]
        if kind in dropped:
            head, options, spot = block[8 : fixed[kind]], b"", fixed[kind]
            while spot + 4 <= length - 4:
                code, size = struct.unpack_from("<HH", block, spot)
                end = spot + 4 + (size + 3) // 4 * 4
                if code not in dropped[kind]:
                    options += block[spot:end]
                spot = end
            total = 12 + len(head) + len(options)
            block = struct.pack("<II", kind, total) + head + options + struct.pack("<I", total)
        out.append(block)
        at += length
    return b"".join(out)


# --- expected counts -------------------------------------------------------------------


def tshark_fields(
    path: Path, display_filter: str, *fields: str, options: Sequence[str] = ()
) -> list[list[str]]:
    command = ["tshark", "-n", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += options
    command += ["-Y", display_filter, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def with_keys(keys: Path) -> tuple[str, str]:
    """Options of tshark to decrypt with a key log."""
    return "-o", f"tls.keylog_file:{keys}"


def as_http2(port: int) -> tuple[str, str]:
    """Options of tshark to take what a server speaks for HTTP/2, with prior knowledge."""
    return "-d", f"tcp.port=={port},http2"


def tshark_counts(path: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """What tshark counts: frames by direction (from the mask bit) and opcode, and more."""
    find = functools.partial(tshark_fields, path, options=options)
    frames: dict[str, Counter[str]] = {"client": Counter(), "server": Counter()}
    rows = find("websocket", "websocket.opcode", "websocket.mask")
    for opcodes, masks in rows:
        for opcode, mask in zip(opcodes.split(","), masks.split(","), strict=True):
            name = OPCODES.get(int(opcode), f"reserved-{opcode}")
            frames["client" if mask in ("1", "True") else "server"][name] += 1
    codes: Counter[str] = Counter()
    for (row,) in find("websocket.opcode == 8", "websocket.payload.close.status_code"):
        codes.update(code for code in row.split(",") if code)
    streams = {row[0] for row in find("tcp", "tcp.stream")}
    packets = find("frame", "frame.number")
    accepted = find("http.response.code == 101", "tcp.stream")
    extended = find('http2.header.name == ":protocol"', "http2.header.name")
    counts = {
        "source": "tshark 4.0.17",
        "packets": len(packets),
        "tcp_streams": len(streams - {""}),
        "responses_101": len(accepted),
        "frames": {side: dict(sorted(count.items())) for side, count in frames.items()},
        "close_codes": dict(sorted(codes.items())),
    }
    if extended:
        counts["extended_connects"] = sum(row.split(",").count(":protocol") for (row,) in extended)
    return counts


def log_counts(events: Iterable[Event]) -> dict[str, Any]:
    """What the programs under capture say themselves, by connection and in total."""
    by_port: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["event"] not in INSIDE:
            by_port[event["port"], event.get("stream", 0)].append(event)
    connections = [
        _connection(port, rows) for (port, stream), rows in by_port.items() if not stream
    ]
    streams = [
        {**_connection(port, rows), "port": f"{port}/{stream}"}
        for (port, stream), rows in by_port.items()
        if stream
    ]
    opened = [row for row in connections + streams if row["opened"]]
    total: dict[str, Any] = {}
    for side in ("client", "server"):
        total[side] = {
            key: sum(row["messages"][side][key] for row in opened)
            for key in ("text", "binary", "payload_bytes")
        }
    counts = {
        "source": "application log",
        "connections": len(opened),
        "refused": sum(len(row.get("refused", ())) for row in connections + streams),
        "messages": total,
        "pings": {side: sum(row["pings"][side] for row in opened) for side in ("client", "server")},
        "by_client_port": {str(row.pop("port")): row for row in connections},
    }
    if streams:
        counts["by_stream"] = {row.pop("port"): row for row in streams}
    return counts


def _connection(port: int, rows: list[Event]) -> dict[str, Any]:
    out: dict[str, Any] = {"port": port, "opened": any(row["event"] == "open" for row in rows)}
    out["messages"] = {}
    for side, other in (("client", "server"), ("server", "client")):
        sent = [row for row in rows if row["event"] == "sent" and row["who"] == side]
        got = [row for row in rows if row["event"] == "received" and row["who"] == other]
        unknown = Counter(row["sha256"] for row in got) - Counter(row["sha256"] for row in sent)
        assert not (sent and unknown), f"port {port}: received what was never sent"
        messages = sent or got
        out["messages"][side] = {
            "text": sum(row["type"] == "text" for row in messages),
            "binary": sum(row["type"] == "binary" for row in messages),
            "payload_bytes": sum(row["size"] for row in messages),
        }
    pings = Counter(row["who"] for row in rows if row["event"] == "ping")
    out["pings"] = {side: pings[side] for side in ("client", "server")}
    closing = [row for row in rows if row["event"] == "closing"]
    if closing:
        how = closing[0].get("how", "close")
        out["close"] = {
            "closed_by": closing[0]["who"],
            "kind": {"close": "clean"}.get(how, how),
            "code": closing[0].get("code"),
            "reason": closing[0].get("reason"),
        }
        if "error_code" in closing[0]:
            out["close"]["error_code"] = closing[0]["error_code"]
    refused = [row for row in rows if row["event"] == "refused"]
    if refused:
        out["refused"] = [
            {
                key: row[key]
                for key in ("path", "status", "outcome", "why", "error_code")
                if key in row
            }
            for row in refused
        ]
    for event, group in (("exchange", "exchanges"), ("http2-exchange", "http2_exchanges")):
        exchanges = [row for row in rows if row["event"] == event]
        if exchanges:
            out[group] = [
                {key: row[key] for key in ("path", "status", "kind", "body_bytes")}
                for row in exchanges
            ]
    return out


def publish(
    source: Path,
    name: str,
    *,
    description: str,
    generator: str,
    programs: Sequence[str],
    events: Sequence[Event] = (),
    more: dict[str, Any] | None = None,
    tshark_notes: str = "",
    tshark_differs: bool = False,
    keys: Path | None = None,
    embedded: bool = False,
    http2_clear: Sequence[str] | None = None,
) -> None:
    """Put a capture, its log and its line of the manifest in place.

    Args:
        source: the capture as recorded.
        name: of the capture in captures/, with its suffix.
        description: what it shows.
        generator: file name of the script.
        programs: what ran, with versions.
        events: application events; none where the expected counts are all in `more`.
        more: further expected facts, each group with its own "source".
        tshark_notes: where tshark 4.0.17 is known to be wrong about this capture.
        tshark_differs: tshark's frames are not compared with the log.
        keys: key log (SSLKEYLOGFILE) of a capture of TLS, stored beside it. What the
            programs logged, and what tshark sees with it, are then groups of their own,
            `log_decrypted` and `tshark_decrypted`.
        embedded: the capture holds the keys itself: they are not stored beside it.
        http2_clear: WebSocket is in HTTP/2, in clear, which tshark finds with these options:
            its groups are `log_http2` and `tshark_http2`, and `tshark` does not look there.
    """
    data = source.read_bytes()
    assert len(data) < MAX_BYTES, f"{name}: {len(data)} bytes"
    (CAPTURES / name).write_bytes(data)
    if keys and not embedded:
        (CAPTURES / name).with_suffix(".keys").write_bytes(keys.read_bytes())
    inside = "_http2" if http2_clear is not None else "_decrypted" if keys else ""
    # Keys within the capture are used without asking.
    hidden = "http2" if http2_clear is not None else "tls" if embedded else ""
    expected = {"tshark": tshark_counts(source, ("--disable-protocol", hidden) if hidden else ())}
    if inside:
        options = with_keys(keys) if keys else http2_clear or ()
        expected["tshark" + inside] = tshark_counts(source, options)
    if events:
        log = LOGS / (Path(name).stem + ".jsonl")
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        counted = expected["log" + inside] = log_counts(events)
        if not tshark_differs:
            compare(name, counted, expected["tshark" + inside])
    expected.update(more or {})
    entry: dict[str, Any] = {"description": description, "generator": f"make/{generator}"}
    entry |= {"programs": sorted(programs), "expected": expected}
    if tshark_notes:
        entry["tshark_notes"] = tshark_notes
    enter(name, entry)
    print(f"{name}: {len(data)} bytes, {expected['tshark']['packets']} packets")


def enter(name: str, entry: dict[str, Any]) -> None:
    """Put an entry into the manifest."""
    manifest = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    manifest[name] = entry
    MANIFEST.write_text(json.dumps(dict(sorted(manifest.items())), indent=1) + "\n")


def compare(name: str, log: dict[str, Any], tshark: dict[str, Any]) -> None:
    """Stop where tshark's count of messages or pings is not that of the programs."""
    for side in ("client", "server"):
        frames, messages = tshark["frames"][side], log["messages"][side]
        for kind in ("text", "binary"):
            assert frames.get(kind, 0) == messages[kind], (name, side, kind, frames, messages)
        assert frames.get("ping", 0) == log["pings"][side], (name, side, frames, log["pings"])
    streams = log.get("by_stream", {}).values()
    opened = sum(row["opened"] for row in streams)
    assert tshark["responses_101"] == log["connections"] - opened, (
        name,
        tshark,
        log["connections"],
    )
    assert tshark.get("extended_connects", 0) == len(streams), (name, tshark, len(streams))
