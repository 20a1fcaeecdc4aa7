"""Python clients of client_heads.py: websockets with requests, aiohttp, and httpx."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
BODY = {"text": "hello"}
EVENTS = {"Accept": "text/event-stream"}


async def of_requests(site: str) -> None:
    """websockets says "Python/3.. websockets/.."; requests is what speaks HTTP beside it."""
    import requests
    from websockets.sync.client import connect

    with connect(f"ws{site[4:]}/api/socket", proxy=None):
        pass
    with requests.Session() as session:
        session.trust_env = False
        for n in (0, 1):
            session.get(f"{site}/api/news?after={n}", timeout=10)
        for _ in (0, 1):
            session.post(f"{site}/api/say", json=BODY, timeout=10)
        with session.get(f"{site}/api/events", headers=EVENTS, stream=True, timeout=10) as answer:
            next(answer.iter_lines())


async def of_aiohttp(site: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{site}/api/socket"):
            pass
        for n in (0, 1):
            async with session.get(f"{site}/api/news?after={n}") as answer:
                await answer.read()
        for _ in (0, 1):
            async with session.post(f"{site}/api/say", json=BODY) as answer:
                await answer.read()
        async with session.get(f"{site}/api/events", headers=EVENTS) as answer:
            await answer.content.readline()


async def of_httpx(site: str) -> None:
    """httpx-ws opens its WebSocket by httpx, with all of its fields."""
    import httpx
    from httpx_ws import aconnect_ws

    async with httpx.AsyncClient(trust_env=False) as client:
        async with aconnect_ws(f"{site}/api/socket", client):
            pass
        for n in (0, 1):
            await client.get(f"{site}/api/news?after={n}")
        for _ in (0, 1):
            await client.post(f"{site}/api/say", json=BODY)
        async with client.stream("GET", f"{site}/api/events", headers=EVENTS) as answer:
            await anext(answer.aiter_lines())


PROGRAMS: dict[str, Callable[[str], Awaitable[None]]] = {
    "requests": of_requests,
    "aiohttp": of_aiohttp,
    "httpx": of_httpx,
}
