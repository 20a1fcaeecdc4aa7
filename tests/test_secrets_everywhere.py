"""A secret in any field of a head, or in a refusal's body, is in no output.

Each field bears its own secret, so that one that leaks names where it came from. Payload
columns are another matter: what messages say is shown.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from oracle import http2
from oracle.spoken import upgrade
from oracle.stages import TEXT, client, server
from oracle.upgrades import KEY, switching

from analyzer.analysis import Collector
from analyzer.capture.source import open_capture
from analyzer.cli.main import main
from analyzer.options import DEFAULT, Options
from analyzer.pipeline import Pipeline
from analyzer.report.event_lines import FINAL, NEWS, EventWriter

NAMES = ("token", "access_token", "pw", "state", "jsessionid", "sig", "apiKey", "password")
FRAME = b"\x81\x02hi"


def secret(number: int) -> str:
    return f"S3cr3tQ{number:03d}zVx"


def jwt(number: int) -> str:
    return f"eyJhbGciOiJIUzI1NiJ9.eyJu{number:03d}Q0.dBjft{number:03d}JeZ4CVP"


class Planter:
    """Gives each place its own secret, in one form."""

    def __init__(self, form: Callable[[int, str], str]) -> None:
        self._form = form
        self.planted: list[str] = []

    def __call__(self, plain: str = "") -> str:
        number = len(self.planted)
        text = self._form(number, NAMES[number % len(NAMES)])
        self.planted.append(jwt(number) if jwt(number) in text else secret(number))
        return plain + text


FORMS: dict[str, Callable[[int, str], str]] = {
    "parameter": lambda number, name: f"{name}={secret(number)}",
    "jwt": lambda number, name: jwt(number),
    "encoded": lambda number, name: f"%7B%22{name}%22%3A%22{secret(number)}%22%7D",
    "nested": lambda number, name: f"https%3A%2F%2Fh%2F%3F{name}%3D{secret(number)}",
    "json": lambda number, name: f'{{"{name}":"{secret(number)}"}}',
}


def attempt(plant: Planter, *, good: bool) -> bytes:
    """Return an upgrade request with a secret in each field, two in its target."""
    key, method = (KEY, "GET") if good else (plant(), "POST")
    lines = [
        f"{method} /a;{plant('x=1;')}/b?q={plant()}&{plant()}#{plant()} HTTP/1.1",
        f"Host: {plant('h.example/')}",
        "Upgrade: websocket",
        f"Upgrade: {plant()}",
        f"Connection: Upgrade, {plant()}",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {'13' if good else plant()}",
        f"Sec-WebSocket-Protocol: chat, {plant()}, bearer.{plant()}",
        f"Sec-WebSocket-Extensions: permessage-deflate; {plant()}, {plant()}",
        f"Origin: https://{plant()}",
        f"User-Agent: Mozilla/5.0 {plant()}",
        f"Cookie: {plant()}",
        f"Authorization: Bearer {plant()}",
        f"X-Other : {plant()}",
        f"{plant()}",
        f"X-Folded: a\r\n {plant()}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def refusal(plant: Planter, status: str, content_type: str) -> bytes:
    body = f"{plant()} and {plant()} <p>{plant()}</p>".encode()
    lines = [
        f"HTTP/1.1 {status} {plant()}",
        f"Server: nginx {plant()}",
        f"Location: https://user:{plant()}@h/login?next={plant()}",
        f"WWW-Authenticate: {plant()}",
        f"Sec-WebSocket-Version: {plant()}",
        f"Upgrade: {plant()}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        f"Set-Cookie: {plant()}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def http1(plant: Planter) -> Iterator[bytes]:
    """Yield captures of refusals, redirections, odd 101s, and of plain exchanges."""
    for status in ("400", "401", "302", "426", "503", "418"):
        answer = refusal(plant, status, "text/html")
        yield http2.capture([(0, attempt(plant, good=status == "302")), (1, answer)])
    odd = [
        switching(Sec_WebSocket_Protocol=plant(), Sec_WebSocket_Extensions=plant()),
        switching(accept=plant(), Server=plant(), Content_Length=plant()),
        switching(Upgrade=plant()),
        switching(Connection=plant(), Upgrade="websocket"),
    ]
    for answer in odd:
        yield http2.capture([(0, attempt(plant, good=True)), (1, answer), (1, FRAME)])
    plain = f"GET http://u:{plant()}@h/{plant()}?{plant()} HTTP/1.1\r\nHost: {plant()}\r\n\r\n"
    yield http2.capture([(0, plain.encode()), (1, refusal(plant, "200", "text/plain"))])
    yield http2.capture([(0, plain.encode()), (1, switching(Upgrade="websocket")), (1, FRAME)])
    yield http2.capture([(0, attempt(plant, good=True)), (1, f"{plant()}\r\n\r\n".encode())])
    # The end of the head was not captured, nor is the second request a frame.
    yield http2.capture([(0, attempt(plant, good=True)), (1, switching()), (0, plain.encode())])


def http2_captures(plant: Planter) -> Iterator[bytes]:
    talk = http2.Talk()
    asked = {
        "sec_websocket_protocol": f"chat, {plant()}, bearer.{plant()}",
        "sec_websocket_extensions": plant(),
        "user_agent": plant(),
    }
    talk.connect(1, path=f"/a;{plant()}?{plant()}#{plant()}", **asked)
    talk.accept(1, sec_websocket_protocol=plant(), server=plant())
    talk.frame(1, 1, 1, b"hi")
    talk.connect(3, path=f"/a/token/{plant()}", **asked)
    body = f"{plant()} {plant()}".encode()
    talk.answer(3, body, 403, server=plant(), location=f"/{plant()}", www_authenticate=plant())
    talk.request(5, "GET", f"/b?{plant()}", cookie=plant(), referer=plant())
    talk.answer(5, b"x", 302, location=plant())
    yield http2.capture(talk.steps)


def shown(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Yield what the terminal and one report say: all texts, each once."""
    assert main([str(file), "--json", str(folder / "all.json"), "--no-alternatives"]) == 0
    yield capsys.readouterr().out
    document = json.loads((folder / "all.json").read_text())
    document.pop("messages", None)
    yield json.dumps(document)


def outputs(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Yield all that is told of a capture but payload columns."""
    where = ["--csv", str(folder / "csv"), "--parquet", str(folder / "pq")]
    shared = ["--html", str(folder / "page.html"), "--har", str(folder / "all.har")]
    assert main([str(file), *where, *shared, "--json", str(folder / "all.json")]) == 0
    yield capsys.readouterr().out
    yield from page_texts((folder / "page.html").read_text())
    yield (folder / "all.har").read_text()
    for number in range(2):
        for what in ("--handshake", "--connection"):
            main([str(file), what, str(number)])
            yield capsys.readouterr().out
    for table in (folder / "csv").iterdir():
        if table.stem not in ("messages",):
            yield table.read_text()
    for table in (folder / "pq").rglob("*.parquet"):
        columns = pyarrow.parquet.read_table(table).to_pydict()
        yield json.dumps({k: v for k, v in columns.items() if "payload" not in k}, default=str)
    document = json.loads((folder / "all.json").read_text())
    document.pop("messages", None)
    yield json.dumps(document)
    stream = io.BytesIO()
    wanted = [each for each in (*NEWS, *FINAL) if each != "messages"]
    pipeline = Pipeline(Options(), [EventWriter(stream, wanted), Collector()])
    for batch in open_capture([file], DEFAULT):
        pipeline.push(batch)
    pipeline.finish()
    yield stream.getvalue().decode()


def page_texts(page: str) -> Iterator[str]:
    """Yield a page, and the tables in it but the messages: they are compressed."""
    yield page
    tables = re.findall(r'<script type="text/plain" id="data-([\w-]+)">([^<]+)<', page)
    assert tables
    for name, data in tables:
        if name != "messages":
            yield gzip.decompress(base64.b64decode(data)).decode("latin-1")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("captures", [http1, http2_captures])
def test_no_secret_of_a_head_is_in_any_output(
    captures: Callable[[Planter], Iterator[bytes]],
    form: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant = Planter(FORMS[form])
    # How a text is masked does not depend on where it goes.
    told = outputs if form == "parameter" else shown
    for number, data in enumerate(captures(plant)):
        file = tmp_path / f"{number}.pcap"
        file.write_bytes(data)
        folder = tmp_path / str(number)
        folder.mkdir()
        texts = list(told(file, folder, capsys))
        assert any("handshake" in text for text in texts)
        assert leaks(plant.planted, texts) == []
    assert len(plant.planted) > 10


def leaks(planted: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return the secrets that stand in a text, and what stands around them."""
    # Wrapped lines of the terminal may cut a secret in two.
    whole = ["".join(text.split()) for text in texts]
    return [
        text[max(0, at - 60) : at + len(each) + 20]
        for text in whole
        for each in planted
        if (at := text.find(each)) >= 0
    ]


def test_secrets_are_shown_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = Planter(FORMS["parameter"])
    file = tmp_path / "one.pcap"
    file.write_bytes(next(http1(plant)))
    assert main([str(file), "--show-secrets", "--handshake", "0"]) == 0
    assert leaks(plant.planted, [capsys.readouterr().out])


def test_the_id_that_signalr_negotiates_is_in_no_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its token comes in the answer to /negotiate, and is all that a connection needs.
    file = Path(__file__).parents[1] / "captures" / "signalr-json.pcap"
    content = file.read_bytes()
    assert b'"connectionToken":"token-s3cret"' in content
    assert b"/hub?id=token-s3cret" in content
    texts = list(outputs(file, tmp_path, capsys))
    assert any("/hub?id=***" in text for text in texts)
    assert leaks(["token-s3cret"], texts) == []


# --- names, ids and topics of protocols inside


def names_inside(plant: Planter) -> Iterator[list[Any]]:
    """Yield conversations with a secret wherever a name, an id or a topic comes from traffic."""

    def say(side: Any, value: object) -> Any:
        return side(TEXT, value.encode() if isinstance(value, str) else json.dumps(value).encode())

    asked = {"jsonrpc": "2.0", "method": plant(), "id": plant()}
    answer = {"jsonrpc": "2.0", "result": 1, "id": asked["id"]}
    note = {"jsonrpc": "2.0", "method": plant()}
    yield [*upgrade(), say(client, asked), say(server, answer), say(client, note)]
    event, room = plant(), plant()
    said = f"42/{room},1{json.dumps([event])}"
    yield [
        *upgrade("/socket.io/?EIO=4"),
        *(say(server, '0{"sid":"a"}'), say(client, f"40/{room},"), say(client, said)),
        *(say(server, f"43/{room},1[]"), say(server, said.replace("1[", "["))),
    ]
    topic, receipt = plant(), plant()
    frame = f"SEND\ndestination:/t/{topic}\nreceipt:{receipt}\n\nhi\0"
    yield [
        *upgrade("/", "v12.stomp"),
        *(say(client, f"SUBSCRIBE\nid:1\ndestination:/t/{topic}\n\n\0"), say(client, frame)),
        say(server, f"MESSAGE\ndestination:/t/{topic}\nsubscription:1\nmessage-id:1\n\nhi\0"),
        say(server, f"RECEIPT\nreceipt-id:{receipt}\n\n\0"),
    ]
    # The kind is the event's name.
    told = {"event": plant(), "channel": plant(), "data": "{}"}
    opened = {"event": "pusher:connection_established", "data": "{}"}
    yield [*upgrade("/app/k?protocol=7"), say(server, opened), say(server, told)]
    joined = ["1", "1", plant(), "phx_join", {}]
    pushed = ["1", plant(), plant(), plant(), {}]
    yield [*upgrade("/s/websocket?vsn=2.0.0"), say(client, joined), say(client, pushed)]


@pytest.mark.parametrize("form", ["parameter", "jwt"])
def test_no_secret_of_a_name_is_in_any_output(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = Planter(FORMS[form])
    for number, talk in enumerate(names_inside(plant)):
        file, folder = tmp_path / f"{number}.pcap", tmp_path / str(number)
        file.write_bytes(http2.capture(talk))
        folder.mkdir()
        plain = [str(file), "--payload", "none"]
        where = ["--csv", str(folder), "--json", str(folder / "a.json")]
        assert main([*plain, *where, "--html", str(folder / "a.html")]) == 0
        texts = [capsys.readouterr().out, *(each.read_text() for each in folder.iterdir())]
        texts += page_texts((folder / "a.html").read_text())
        for what in (["--messages"], ["--connection", "0"]):
            main([*plain, *what])
            texts.append(capsys.readouterr().out)
        assert any("***" in text for text in texts)
        assert leaks(plant.planted, texts) == []
    assert len(plant.planted) > 10
