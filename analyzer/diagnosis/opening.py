"""Opening handshakes: which part was slow, what a proxy took away, why they were refused.

Knows rows of `handshakes` that failed or took long. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case, loose_of
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets
from analyzer.wording import address, duration, number, plural, printable

Row = dict[str, Any]

_PARTS = (
    ("dns_us", "name lookup (DNS)",
     "the resolver: a query that is lost costs 5 s, search domains one query each"),
    ("attempts_us", "failed attempts at other addresses",
     "the addresses of the name: one that does not answer, often IPv6, costs until the client "
     "tries the next"),
    ("tcp_us", "the TCP connect",
     "the path's round-trip time, lost SYNs, and a server whose backlog is full"),
    ("tls_us", "the TLS handshake",
     "the server's processor, and round trips: TLS 1.3 and resumption save some"),
    ("upgrade_us", "the answer to the upgrade",
     "what the server does before it answers 101: authentication, a database, a node that starts"),
    ("idle_us", "a silent client",
     "what the client does before it asks: a connection opened early, a page or a program that "
     "loads. Captured at the server, a request that was lost on its way looks the same"),
)  # fmt: skip
"""Parts of a handshake: the column, what took long, where to look."""


# --- slow


def slow(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server and part that took most of slow handshakes."""
    least = round(case.options.slow_handshake_s * 1e9)
    groups: dict[tuple[str, str], list[tuple[Row, int, int]]] = defaultdict(list)
    for row in case.attempts:
        whole = max(row["total_us"] or 0, row.get("overall_us") or 0)
        if row["outcome"] != "accepted" or whole < least:
            continue
        part, wait = max(
            ((name, row.get(name) or 0) for name, _, _ in _PARTS), key=lambda each: each[1]
        )
        if 2 * wait >= whole:
            groups[_server(row), part].append((row, wait, whole))
    for (server, part), found in groups.items():
        yield _slow(server, part, found, case)


def _slow(server: str, part: str, found: Sequence[tuple[Row, int, int]], case: Case) -> Diagnosis:
    name, where = next((name, where) for column, name, where in _PARTS if column == part)
    rows = [row for row, _, _ in found]
    worst, wait, whole = max(found, key=lambda each: each[2])
    accepted = case.outcomes["accepted"]
    return Diagnosis(
        cause=causes.SLOW_HANDSHAKE,
        text=f"{number(len(found))} of {plural(accepted, 'handshake')} with {server} took "
        f"{duration(case.options.slow_handshake_s * 1e9)} or more; the worst "
        f"{duration(whole)}, {duration(wait)} of it {name}.",
        connections=len(found),
        connection=min(
            (row["connection"] for row in rows if row["connection"] is not None), default=NULL
        ),
        packet=_packet(rows[0]),
        seconds=sum(wait for _, wait, _ in found),
        evidence={
            "packets": packets([_packet(worst), *map(_packet, rows)]),
            "handshakes": [row["handshake"] for row in rows][:MOST],
            "part": part,
            "parts_of_the_worst_us": {
                column: worst[column] / 1000 for column, _, _ in _PARTS if worst.get(column)
            },
            "whole_us": whole / 1000,
            "of": accepted,
        },
        advice=f"Look at {where}.",
    )


# --- what a hop took away

_TAKEN = {
    "handshake-missing-upgrade": "Upgrade",
    "handshake-bad-connection": "Connection",
}
"""Findings on the request, and the field that it lacks."""


def stripped(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server: the key is there, and the fields beside it are not."""
    taken = {id_: loose_of(case, id_) for id_ in _TAKEN}
    about_versions = loose_of(case, "handshake-other-versions")
    groups: dict[str, list[tuple[Row, frozenset[str]]]] = defaultdict(list)
    for row in case.attempts:
        if not row["key"]:
            continue
        place = (row["tcp_stream"], row["request_packet"])
        missing = frozenset(field for id_, field in _TAKEN.items() if place in taken[id_])
        # "Upgrade Required" (RFC 9110 15.5.22) to a client that did upgrade: the server did not
        # see it. With Sec-WebSocket-Version the 426 is about versions (RFC 6455 4.4).
        unseen = row["status"] == _UPGRADE_REQUIRED
        unseen &= (row["tcp_stream"], row["response_packet"]) not in about_versions
        if missing or unseen:
            groups[_server(row)].append((row, missing))
    for server, found in groups.items():
        yield _stripped(server, found)


_UPGRADE_REQUIRED = 426


def _stripped(server: str, found: Sequence[tuple[Row, frozenset[str]]]) -> Diagnosis:
    rows = [row for row, _ in found]
    missing = sorted(frozenset().union(*(fields for _, fields in found)))
    statuses = sorted({row["status"] for row in rows if row["status"] is not None})
    answered = f"answered {', '.join(map(str, statuses))}" if statuses else "never answered"
    requests = f"{plural(len(rows), 'upgrade request')} to {server}"
    if missing:
        what = f"A hop took {' and '.join(missing)} out of {requests}, but not the key: {answered}"
    else:
        what = f"A hop behind takes Upgrade away: 426 asks for it in answer to {requests} that "
        what += "had it" if len(rows) > 1 else "has it"
    return Diagnosis(
        cause=causes.PROXY_STRIPPED,
        text=f"{what}.",
        connections=len(rows),
        packet=_packet(rows[0]),
        ended=len(rows),
        evidence={
            "packets": packets(map(_packet, rows)),
            "handshakes": [row["handshake"] for row in rows][:MOST],
            "missing": missing,
            "statuses": statuses,
            "servers": sorted({row["server"] for row in rows if row.get("server")}),
        },
    )


# --- refused


def refused(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server, status and words of refusals that name their cause."""
    groups: dict[tuple[str, int, str, str], list[Row]] = defaultdict(list)
    for row in case.attempts:
        body, server = (row.get("refusal_preview") or "").strip(), row.get("server") or ""
        if row["outcome"] == "refused" and row["status"] is not None and (body or server):
            groups[_server(row), row["status"], server, body].append(row)
    for (host, status, server, body), rows in groups.items():
        yield _refused(host, status, server, body, rows, case)


def _refused(
    host: str, status: int, server: str, body: str, rows: Sequence[Row], case: Case
) -> Diagnosis:
    text = f"{plural(len(rows), 'upgrade request')} to {host} refused with {status}"
    text += f" by {printable(server)}" if server else ""
    # The preview is made readable already, the line feed at its end as well.
    said = _short(body.removesuffix("\\n").removesuffix("\\r"))
    polling = _went_on_polling(rows, case)
    if polling is not None:
        text += "; the client went on polling"
    hint = _engine_io(body)
    text += f" ({hint})" if hint else ""
    text += f': "{said}"' if said else ""
    return Diagnosis(
        cause=causes.REFUSED_WHY,
        text=f"{text}.",
        connections=len(rows),
        packet=rows[0]["response_packet"] or _packet(rows[0]),
        ended=len(rows),
        evidence={
            "packets": packets(row["response_packet"] or _packet(row) for row in rows),
            "handshakes": [row["handshake"] for row in rows][:MOST],
            "status": status,
            "server": server or None,
            "body": body or None,
            "polling_group": polling,
        },
    )


_SAID = 80
"""Characters of a body in the sentence; the evidence has more."""


def _short(text: str) -> str:
    return text if len(text) <= _SAID else f"{text[: _SAID - 1]}…"


_ENGINE_IO = {
    '"code":0': "Engine.IO: the server does not know the transport",
    '"code":1': "Engine.IO: this node does not know the session; use sticky sessions",
    '"code":2': "Engine.IO: the handshake must be a GET",
    '"code":3': "Engine.IO: the request reached it incomplete",
}
"""Error bodies of Engine.IO's server."""


def _engine_io(body: str) -> str:
    if '"message"' not in body:
        return ""
    return next((hint for code, hint in _ENGINE_IO.items() if body.find(f"{code},") >= 0), "")


def _went_on_polling(rows: Sequence[Row], case: Case) -> int | None:
    """Return the group of polls by which the same client went on, if it did."""
    for group in case.kept["http_groups"]:
        for row in rows:
            same = (group["client_ip"], group["server_ip"], group["server_port"]) == (
                *(row["client_ip"], row["server_ip"], row["server_port"]),
            )
            path = (row["path"] or "").partition("?")[0]
            if same and group["path"] == path and (group["ended_at"] or 0) > row["started_at"]:
                return int(group["group"])
    return None


def _server(row: Row) -> str:
    return row["host"] or address(row["server_ip"], row["server_port"])


def _packet(row: Row) -> int:
    packet = row["request_packet"]
    return NULL if packet is None else int(packet)
