"""The terminal report: what a capture holds, in one or two screens.

Knows the Summary. Must not know rows or files. Called by the command line when the
analysis is done.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.columns import NULL
from analyzer.diagnosis.lateness import CAUSE_OF
from analyzer.report import alternatives, diagnoses, http_groups, inside
from analyzer.report.layout import (
    VERY_WIDE,
    WIDE,
    Cell,
    Head,
    arrow,
    bar,
    heading,
    is_ascii,
    item,
    say,
    severity,
    table,
    traffic,
)
from analyzer.report.text import Text
from analyzer.report.wording import (
    address,
    clock,
    duration,
    moment,
    number,
    plural,
    printable,
    share,
    size,
)
from analyzer.tables.late import longest, waited
from analyzer.tables.samples import Samples
from analyzer.tables.summary import ConnectionLine, FindingCount, Summary
from analyzer.websocket.opcodes import close_code_name

if TYPE_CHECKING:
    from analyzer.report.text import Console


SHOWN_CONNECTIONS = 20
SHOWN_FINDINGS = 12

PHASE_NAMES = {
    "tcp_us": "TCP connect",
    "tls_us": "TLS handshake",
    "upgrade_us": "upgrade",
    "total_us": "total",
    "first_message_us": "to first message",
}

PART_NAMES = {
    "transfer_bytes": "message payload",
    "ws_header_bytes": "WebSocket headers",
    "ws_control_bytes": "ping, pong, close",
    "http_bytes": "HTTP, the upgrade",
    "tls_bytes": "TLS",
    "tcp_bytes": "TCP headers",
    "ip_bytes": "IP headers",
    "link_bytes": "link headers",
    "retransmitted_bytes": "sent again",
    "duplicate_bytes": "captured twice",
    "unparsed_bytes": "not understood",
}
"""The ledger's parts, from the message outwards."""


ENDINGS = {
    "clean": "closed cleanly",
    "fin": "ended by FIN without Close frames",
    "reset": "reset",
    "timeout": "fell silent",
    "open": "still open at the end",
}


def render(summary: Summary, console: Console) -> None:
    """Print the report of `summary`."""
    _capture(summary, console)
    diagnoses.section(summary, console)
    _handshakes(summary, console)
    _messages(summary, console)
    wire = sum(side["wire_bytes"] for side in summary.ledger)
    inside.section(summary.inside, wire, console)
    _ledger(summary, console)
    http_groups.section(summary, console)
    for scope in ("connections", "sessions", "services"):
        if alternatives.section(summary.alternatives.get(scope, []), console):
            alternatives.scaling(summary.scaling.get(scope, []), console)
    _closes(summary, console)
    _findings(summary, console)
    _connections(summary, console)


def why(summary: Summary, console: Console) -> None:
    """Print what was read, and all diagnoses with evidence and advice."""
    _capture(summary, console)
    diagnoses.why(summary, console)


def _capture(summary: Summary, console: Console) -> None:
    capture = summary.capture
    files = [os.path.basename(name) or name for name in capture.files]
    shown = ", ".join(printable(name) for name in files[:3])
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    say(console, Text(shown + more, "bold"), indent=0)
    packets = f"{plural(capture.packets, 'packet')}, {size(capture.wire_bytes)}"
    if capture.first_time != NULL:
        span = duration(capture.last_time - capture.first_time)
        packets += f", {span} from {moment(capture.first_time)} UTC"
    say(console, packets)
    if (
        capture.last_time - capture.first_time >= alternatives.LONG_NS
        and capture.first_time != NULL
    ):
        rate = capture.wire_bytes * 1e9 / (capture.last_time - capture.first_time)
        say(
            console,
            f"{size(rate)}/s on the wire, {size(rate * alternatives.DAY_S)} a day at this rate",
        )
    streams = plural(capture.tcp_connections, "TCP connection")
    others = ", ".join(
        f"{number(n)} {printable(what)}" for what, n in capture.not_tcp.most_common(4)
    )
    say(console, streams + (f"; other packets: {others}" if others else ""))
    rows = summary.rows
    found = [plural(rows["connections"], "WebSocket connection")]
    if rows["handshakes"]:
        outcomes = ", ".join(f"{number(n)} {what}" for what, n in summary.outcomes.most_common())
        found.append(f"{plural(rows['handshakes'], 'handshake')} ({outcomes})")
    if rows["http"]:
        found.append(plural(rows["http"], "plain HTTP exchange"))
    if rows["tls_sessions"]:
        found.append(plural(rows["tls_sessions"], "TLS session"))
    say(console, "; ".join(found))
    if capture.selected is not None:
        chosen, of = capture.selected
        say(console, f"--where: {number(chosen)} of {plural(of, 'connection')} match")
    if summary.tls_unread:
        say(console, _unread(summary))


def _unread(summary: Summary) -> str:
    """Say how many TLS sessions could not be read, and what to do about it."""
    unread, read = summary.tls_unread, summary.tls_read
    wrong = summary.findings.get("tls-wrong-keys")
    if wrong is not None and wrong.examples:
        said = wrong.examples[0].partition(". ")[0]
        return f"{said}: clients write one while a session begins (SSLKEYLOGFILE)"
    if read:
        said = f"{plural(read, 'TLS session')} could be read, {number(unread)} of "
        said += f"{number(read + unread)} could not"
    else:
        said = f"{plural(unread, 'TLS session')} could not be read"
    return f"{said}: --keys FILE takes the key log (SSLKEYLOGFILE) of the client or the server"


def _handshakes(summary: Summary, console: Console) -> None:
    timed = [(PHASE_NAMES[name], some) for name, some in summary.phases.items() if some.count]
    if timed:
        heading(console, "Opening handshakes")
        heads = [Head("", "left"), Head("timed"), Head("median"), Head("95 %"), Head("worst")]
        rows = [(name, *_timing(samples)) for name, samples in timed]
        table(console, [*heads, Head("worst in", "left")], rows)
    if summary.refusals:
        _refusals(summary, console)


def _refusals(summary: Summary, console: Console) -> None:
    """Print why handshakes failed: reasons in full, and what the server answered."""
    heading(console, "Handshakes that failed")
    shown = summary.refusals.most_common(5)
    width = max(len(number(count)) for _, count in shown)
    for reason, count in shown:
        item(console, number(count), traffic(reason), width=width, justify="right")
        row = summary.refused.get(reason, {})
        said: list[Cell] = []
        if row.get("server"):
            said += ["Server ", traffic(row["server"])]
        if row.get("refusal_preview"):
            said += [": " if said else "Body: ", traffic(row["refusal_preview"])]
        if said:
            item(console, "", *said, width=width, justify="right")
    more = len(summary.refusals) - len(shown)
    if more:
        say(console, f"and {plural(more, 'more reason')}")
    first = min(row["handshake"] for row in summary.refused.values())
    say(console, Text(f"--handshake {first} shows the first of them in full.", "dim"))


def _timing(samples: Samples) -> tuple[Cell, ...]:
    return (
        number(samples.count),
        duration(samples.median),
        duration(samples.quantile(0.95)),
        duration(samples.worst),
        Text("" if samples.worst_of == NULL else f"connection {samples.worst_of}", "dim"),
    )


def _messages(summary: Summary, console: Console) -> None:
    sides = summary.messages
    if not (sides[0]["messages"] or sides[1]["messages"] or summary.rows["frames"]):
        return
    heading(console, "Messages")
    from_client = f"{arrow(console, 'client')} from client"
    from_server = f"{arrow(console, 'server')} from server"
    heads = [Head("", "left"), Head(from_client), Head(from_server), Head("both")]
    table(console, heads, list(_message_rows(summary)))
    _compression(summary, console)
    if summary.stalled["messages"]:
        held = plural(summary.stalled["messages"], "message")
        say(console, f"{held} waited {duration(summary.stalled['ns'])} in all for lost packets.")
    _late(summary, console)


def _late(summary: Summary, console: Console) -> None:
    """Name the messages that were held up longest, with packet and cause."""
    worst = summary.late.worst
    if not worst:
        return
    most = f"; the worst {len(worst)}:" if summary.late.count > len(worst) else ":"
    if len(worst) == 1:
        most = ":"
    say(console, f"{plural(summary.late.count, 'message')} came late{most}")
    for row in worst:
        cause = CAUSE_OF[longest(row)].id
        say(
            console,
            f"{duration(waited(row))} message {row['message']} of connection {row['connection']} "
            f"by the {row['direction']}, packet {row['packet_last']}: {cause}",
            indent=4,
        )


def _message_rows(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    both = summary.messages[0] + summary.messages[1]
    columns = (*summary.messages, both)

    def row(name: str, values: Sequence[str]) -> tuple[Cell, ...]:
        return (name, *values)

    yield row("messages", [number(c["messages"]) for c in columns])
    for kind in ("text", "binary"):
        if both[kind] and both[kind] != both["messages"]:
            yield row(f"  {kind}", [number(c[kind]) for c in columns])
    if both["frames"] != both["messages"]:
        yield row("data frames", [number(c["frames"]) for c in columns])
    opcodes = (*summary.opcodes, summary.opcodes[0] + summary.opcodes[1])
    for kind in ("ping", "pong", "close"):
        if opcodes[2][kind]:
            yield row(f"{kind} frames", [number(c[kind]) for c in opcodes])
    yield row("payload", [size(c["payload_bytes"]) for c in columns])
    if both["compressed"]:
        yield row("payload as sent", [size(c["transfer_bytes"]) for c in columns])
    # Without what the capture holds twice: without any cost.
    wires = [c["wire_bytes"] - c["duplicate_bytes"] for c in columns]
    yield row("on the wire", [size(wire) for wire in wires])
    overheads = [
        share(wire - c["transfer_bytes"], wire) for wire, c in zip(wires, columns, strict=True)
    ]
    yield row("overhead", overheads)
    means = [size(c["payload_bytes"] / c["messages"]) if c["messages"] else "-" for c in columns]
    yield row("mean payload", means)


def _compression(summary: Summary, console: Console) -> None:
    counts = summary.compression
    if counts["messages"]:
        payload, sent = counts["payload_bytes"], counts["transfer_bytes"]
        verb = "saved" if sent <= payload else "cost"
        say(
            console,
            f"Compression {verb} {size(abs(payload - sent))} of {size(payload)} "
            f"({share(abs(payload - sent), payload)}) in {plural(counts['messages'], 'message')}.",
        )
    deflate = summary.deflate
    if deflate["grown_messages"]:
        grown = plural(deflate["grown_messages"], "message")
        say(console, f"It made {grown} larger, by {size(deflate['grown_bytes'])} in all.")
    if deflate["declined"]:
        say(console, _declined(deflate))


def _declined(deflate: Counter[str]) -> str:
    """Return what compression would have saved where it was offered and not accepted."""
    where = plural(deflate["declined"], "connection")
    text = f"permessage-deflate was offered but not accepted on {where}"
    if not deflate["estimated_messages"]:
        return text + "."
    saved, payload = deflate["estimated_saved_bytes"], deflate["estimated_payload_bytes"]
    verb = "saved" if saved >= 0 else "cost"
    messages = plural(deflate["estimated_messages"], "message")
    if deflate["estimated_messages"] < deflate["declined_messages"]:
        messages = f"the {messages} looked at, of {number(deflate['declined_messages'])}"
    return (
        f"{text}: it would have {verb} about {size(abs(saved))} of {size(payload)} "
        f"({share(abs(saved), payload)}) in {messages}."
    )


def _ledger(summary: Summary, console: Console) -> None:
    client, server = summary.ledger
    whole = client["wire_bytes"] + server["wire_bytes"]
    if not whole:
        return
    heading(console, "Where the bytes went", "every packet of the WebSocket connections")
    wide = console.width >= WIDE
    room = min(36, console.width - (77 if wide else 53))
    rows: list[tuple[Cell, ...]] = []
    for part, name in PART_NAMES.items():
        both = client[part] + server[part]
        if not both:
            continue
        drawn = Text(bar(both, whole, room, ascii_only=is_ascii(console)), _part_style(part))
        sides = (number(client[part]), number(server[part])) if wide else ()
        rows.append((name, *sides, number(both), share(both, whole), drawn))
    sides = (number(client["wire_bytes"]), number(server["wire_bytes"])) if wide else ()
    rows.append((Text("all", "bold"), *sides, Text(number(whole), "bold"), "", ""))
    side_heads = [Head("from client"), Head("from server")] if wide else []
    heads = [Head("bytes", "left"), *side_heads, Head("both"), Head("share"), Head("", "left")]
    table(console, heads, rows)
    both_counts = client + server
    packets = plural(both_counts["packets"], "packet")
    acks = f"{plural(both_counts['pure_acks'], 'pure ACK')} ({size(both_counts['pure_ack_bytes'])})"
    say(console, f"In {packets}, {acks} among them.")
    if both_counts["lost_bytes"]:
        say(console, f"{size(both_counts['lost_bytes'])} were sent but are not in the capture.")


def _part_style(part: str) -> str:
    if part == "transfer_bytes":
        return "green"
    wasted = ("retransmitted_bytes", "duplicate_bytes", "unparsed_bytes")
    return "red" if part in wasted else "blue"


def _closes(summary: Summary, console: Console) -> None:
    if not summary.close_kinds and not sum(summary.pings_sent):
        return
    heading(console, "How connections ended")
    for kind, count in summary.close_kinds.most_common():
        say(console, f"{number(count)} {ENDINGS[kind]}{_closers(summary, kind)}")
    codes = [f"{code_name(code)} ({number(n)})" for code, n in summary.close_codes.most_common(5)]
    if codes:
        others = len(summary.close_codes) - len(codes)
        more = f" and {plural(others, 'more code')}" if others else ""
        say(console, "Close codes: " + ", ".join(codes) + more)
    sent, answered = sum(summary.pings_sent), summary.pings.count
    if sent:
        heading(console, "Pings")
        line = f"{plural(sent, 'ping')}, {number(answered)} answered"
        if answered == 1:
            line += f"; round trip {duration(summary.pings.worst)}"
        elif answered:
            times = (summary.pings.median, summary.pings.quantile(0.95), summary.pings.worst)
            median, slow, worst = (duration(value) for value in times)
            line += f"; round trip {median} median, {slow} at 95 %, {worst} worst"
        say(console, line)


def _closers(summary: Summary, kind: str) -> str:
    """Return which side closed the connections of a kind: client, server, or how many each."""
    counts = {who: summary.closers[kind, who] for who in ("client", "server")}
    known = {who: count for who, count in counts.items() if count}
    if len(known) == 1:
        return f", by the {next(iter(known))}"
    return "".join(f", {number(count)} by the {who}" for who, count in known.items())


def code_name(code: int) -> str:
    """Return a close code with its registry name."""
    return f"{code} {close_code_name(code)}"


def _findings(summary: Summary, console: Console) -> None:
    found = summary.grave_findings
    heading(console, "Findings")
    if not found:
        say(console, "none")
        return
    for one in found[:SHOWN_FINDINGS]:
        _finding(console, one)
    if len(found) > SHOWN_FINDINGS:
        say(console, f"and {plural(len(found) - SHOWN_FINDINGS, 'more kind')}")


def _finding(console: Console, found: FindingCount) -> None:
    """Print what and where on one line, the sentence below."""
    facts = []
    if found.count > 1:
        facts.append(f"{number(found.count)} times")
    if found.first_packet != NULL:
        facts.append(f"{'first in ' if found.count > 1 else ''}packet {found.first_packet}")
    mark = severity(console, found.severity)
    mark.append(" " * (10 - mark.cell_len))
    say(console, mark, Text(found.id, "bold"), "  ", Text(", ".join(facts), "dim"))
    rule = f" ({found.rfc})" if found.rfc else ""
    if found.others_differ:
        rule += f" The first of {number(found.count)}, not all alike."
    if found.sentence:
        say(console, traffic(found.sentence), Text(rule, "dim"), indent=12)


def _connections(summary: Summary, console: Console) -> None:
    count = summary.rows["connections"]
    if not count:
        return
    lines = summary.connections[:SHOWN_CONNECTIONS]
    notes = ["most bytes on the wire first"] if count > 1 else []
    host = common_host(lines)
    if host is not None:
        notes.append(f"{'' if count == len(lines) else 'these '}all on {printable(host)[:40]}")
    heading(console, "Connections", ", ".join(notes))
    heads, rows = connection_cells(lines, console)
    table(console, heads, rows)
    if count > len(lines):
        say(console, f"and {number(count - len(lines))} more; --csv DIR has them all")
    say(console, Text("--connection N shows one in full, --messages lists messages.", "dim"))


def common_host(lines: Sequence[ConnectionLine]) -> str | None:
    """Return the host of all connections; None if there are several, or one connection.

    Repeated in every line it would leave no room for what differs.
    """
    hosts = {line.values["host"] for line in lines}
    return hosts.pop() if len(hosts) == 1 and len(lines) > 1 else None


def connection_cells(
    lines: Sequence[ConnectionLine], console: Console
) -> tuple[list[Head], list[tuple[Cell, ...]]]:
    """Return headers and rows of connections, as many columns as the console has room for."""
    wide, very_wide = console.width >= WIDE, console.width >= VERY_WIDE
    up, down = arrow(console, "client"), arrow(console, "server")
    heads = [Head("#")]
    if wide:
        heads.append(Head("client", "left", flexible=True, at_least=15))
    host = common_host(lines)
    title = "server and path" if host is None else "path"
    heads.append(Head(title, "left", flexible=True, at_least=16, addresses=True))
    if very_wide:
        heads.append(Head("opened", "left"))
    heads += [Head("lasted"), Head(f"{up} msgs"), Head(f"{down} msgs")]
    if very_wide:
        heads.append(Head("payload"))
    heads += [Head("wire"), Head("overhead" if wide else "over"), Head("close", "left")]
    return heads, [
        tuple(_connection_row(line, host, console, wide=wide, very_wide=very_wide))
        for line in lines
    ]


def _connection_row(
    line: ConnectionLine, host: str | None, console: Console, *, wide: bool, very_wide: bool
) -> Iterator[Cell]:
    row = line.values
    yield str(row["connection"])
    if wide:
        yield traffic(address(row["client_ip"], row["client_port"]))
    yield traffic(target(row) if host is None else row["path"] or "")
    if very_wide:
        yield "" if row["opened_at"] is None else clock(row["opened_at"])[:12]
    yield "" if row["duration_s"] is None else duration(row["duration_s"])
    yield number(row["client_messages"])
    yield number(row["server_messages"])
    if very_wide:
        yield size(row["client_payload_bytes"] + row["server_payload_bytes"])
    yield size(row["wire_bytes"])
    yield "-" if line.overhead is None else f"{100 * line.overhead:.0f} %"
    yield ending(row, console)


def target(row: dict[str, Any]) -> str:
    """Return where a connection goes: host and path, the address without a handshake."""
    host = row["host"] or address(row["server_ip"], row["server_port"])
    return f"{host}{row['path'] or ''}"


def ending(row: dict[str, Any], console: Console) -> str:
    """Return how a connection ended, in one or two words, and an arrow for the side."""
    words = [row["close_kind"] or "-"]
    if row["close_code"] is not None:
        words.append(str(row["close_code"]))
    if row["closed_by"] is not None:
        words.append(arrow(console, row["closed_by"]))
    return " ".join(words)
