"""Clients: their requests as recorded (captures/client-heads.pcap), and by the standards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.alternatives.clients import client_of, requests_of, shape
from analyzer.alternatives.heads import HeadMaker, upgraded
from analyzer.alternatives.http2 import HeadSizes
from analyzer.http.exchanges import Handshake

CAPTURES = Path(__file__).parents[2] / "captures"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
    " Safari/537.36"
)


def fields(*pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (pair.partition(": ") for pair in pairs))


def browser(agent: str, host: str = "a.example", origin: str = "https://a.example", **more: str):
    coded = more.get("coded", "gzip, deflate, br, zstd")
    return fields(
        f"Host: {host}", "Pragma: no-cache", "Cache-Control: no-cache", f"User-Agent: {agent}",
        f"Origin: {origin}", f"Accept-Encoding: {coded}", "Cookie: session=1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        (CHROME, "chromium"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0",
         "firefox"),
        # Safari is none of them, nor is what wears a name of theirs on iOS.
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like"
         " Gecko) Version/17.5 Safari/605.1.15", ""),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
         " Gecko) CriOS/126.0.0.0 Mobile/15E148 Safari/604.1", ""),
        ("curl/8.9.1", "curl"),
        ("node", "undici"),
        ("undici", "undici"),
        ("my-node-client/1.0", ""),
        ("Python/3.12 websockets/13.1", "requests"),
        ("python-requests/2.32.3", "requests"),
        ("Python/3.12 aiohttp/3.10.5", "aiohttp"),
        ("python-httpx/0.27.2", "httpx"),
        ("Java-http-client/21.0.4", "java"),
        ("", ""),
    ],
)  # fmt: skip
def test_clients_are_known_by_their_name(agent: str, client: str) -> None:
    assert client_of(browser(agent)) == client


def test_a_browser_has_an_origin() -> None:
    """RFC 6455 4.1: "The request MUST include a header field with the name |Origin| [RFC6454] if
    the request is coming from a browser client."
    """
    assert client_of(fields(f"User-Agent: {CHROME}")) == ""
    assert requests_of(fields(f"User-Agent: {CHROME}")) is None


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        ("a.example", "https://a.example", "same-origin"),
        ("a.example:8443", "https://a.example", "same-site"),
        ("ws.a.example", "https://www.a.example", "same-site"),
        ("a.example", "https://b.example.org", "cross-site"),
        ("10.0.0.1", "http://10.1.0.1", "cross-site"),
        ("127.0.0.1:1", "http://127.0.0.1:2", "same-site"),
        ("a.example", "null", "cross-site"),
    ],
)
def test_what_a_page_says_of_itself(host: str, origin: str, site: str) -> None:
    sent = requests_of(browser(CHROME, host, origin))
    assert sent is not None
    get, post = dict(sent.get), dict(sent.post)
    assert get["Sec-Fetch-Site"] == post["Sec-Fetch-Site"] == site
    assert ("Origin" in get) == (site != "same-origin")
    assert post["Origin"] == origin
    assert get.get("Referer") == (f"{origin}/" if origin != "null" else None)


def test_no_hints_where_the_browser_does_not_trust_the_way() -> None:
    sent = requests_of(browser(CHROME, coded="gzip, deflate"))
    assert sent is not None
    assert not any(name.lower().startswith("sec-") for name, _ in sent.post)


def test_hints_name_brand_version_and_platform() -> None:
    agent = CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64")
    sent = requests_of(browser(f"{agent} Edg/156.0.0.0"))
    assert sent is not None
    hints = dict(sent.get)
    assert hints["sec-ch-ua-platform"] == '"Windows"'
    assert hints["sec-ch-ua-mobile"] == "?0"
    assert '"Microsoft Edge";v="156"' in hints["sec-ch-ua"]


def test_fields_given_by_hand_are_given_again() -> None:
    sent = requests_of(fields("Host: a", "User-Agent: curl/8", "Origin: x", "Authorization: y"))
    assert sent is not None
    assert {"Origin", "Authorization"} <= dict(sent.get).keys() & dict(sent.post).keys()


def test_clients_without_gzip() -> None:
    for agent, gzip in (("curl/8.9.1", False), ("Java-http-client/17", False), ("node", True)):
        sent = requests_of(fields("Host: a", f"User-Agent: {agent}"))
        assert sent is not None
        assert sent.gzip is gzip


def test_shapes_differ_where_requests_do() -> None:
    """Of one name and size, but of another client, site, or with other hints."""
    one = browser(CHROME)
    others = [browser(CHROME, origin="https://b.example"), browser(CHROME, coded="gzip, deflate"),
              browser(CHROME.replace("Chrome/", "Chrome_"))]  # fmt: skip
    assert len({shape(each) for each in (one, *others)}) == 4
    assert shape(one) == shape(browser(CHROME))


# --- what was recorded ------------------------------------------------------------------

# In the order in which captures/make/client_heads.py ran them; browsers on a way that they trust,
# on one that they do not, and from another site. tshark shows which POSTs came in two segments.
RUNS = [
    *[("chromium", 1)] * 3,
    *[("firefox", 1)] * 3,
    *[("curl", 1), ("java", 2), ("undici", 1), ("requests", 2), ("aiohttp", 1), ("httpx", 2)],
]
WANTED = {"GET /api/news": "poll", "POST /api/say": "post", "GET /api/events": "sse"}


def recorded() -> list[tuple[dict[str, Any], dict[str, int]]]:
    """Return the event of each handshake, and the sizes of the heads that came after it."""
    found: list[tuple[dict[str, Any], dict[str, int]]] = []
    for line in (CAPTURES / "logs" / "client-heads.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "open":
            found.append((event, {}))
        elif event["event"] == "exchange" and found:
            key = f"{event['method']} {event['path'].partition('?')[0]}"
            if key in WANTED:
                found[-1][1][key] = event["head_bytes"]
    assert len(found) == len(RUNS)
    return found


@pytest.mark.parametrize("run", range(len(RUNS)))
def test_heads_are_those_that_were_recorded(run: int) -> None:
    """Within 5 %: a Referer's path, and a brand that Chromium has and Debian's has not."""
    (client, writes), (event, heads) = RUNS[run], recorded()[run]
    assert heads.keys() == WANTED.keys()
    asked = tuple((name, value) for name, value in event["fields"])
    for key, role in WANTED.items():
        target = key.partition(" ")[2] + ("?after=0" if role == "poll" else "")
        shaken = Handshake(0, 0, path=target, request_header=asked)
        made = HeadMaker(HeadSizes(1 << 20)).from_handshake(shaken)
        assert (made.client, made.post_writes) == (client, writes)
        request = getattr(made, role).request
        # A body of 100 bytes is assumed, there were 16.
        request -= role == "post"
        assert request == pytest.approx(heads[key], rel=0.05), key
        if client not in ("chromium", "firefox"):
            assert request == heads[key]


def test_a_browser_opens_a_websocket_with_other_fields_than_it_asks() -> None:
    """What sessions of plain HTTP would have sent: a handshake from a request, within 5 %."""
    log = (CAPTURES / "logs" / "client-heads.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in log]
    opened = [event for event in events if event["event"] == "open"][:6]
    for event in opened:
        shaken = tuple((name, value) for name, value in event["fields"])
        sent = requests_of(tuple(f for f in shaken if not f[0].lower().startswith("sec-websocket")))
        assert sent is not None
        made, _ = upgraded(sent.get, event["path"])
        real = size("GET", event["path"], shaken)
        assert made == pytest.approx(real, rel=0.05)


def size(method: str, target: str, sent: tuple[tuple[str, str], ...]) -> int:
    lines = sum(len(name) + len(value) + 4 for name, value in sent)
    return len(f"{method} {target} HTTP/1.1\r\n") + lines + 2
