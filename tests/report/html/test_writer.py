"""The page as a file; tests/test_browser.py opens it in a browser."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from oracle.rows import Row, table_rows
from oracle.sample import batches

from analyzer.errors import ReportError
from analyzer.report.html import writer as writers
from analyzer.report.html.writer import HtmlWriter
from analyzer.tables import schema
from analyzer.tables.summary import Capture

EVIL = "</script><script>alert(1)</script>\u202e\0<img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """Counts tags, and notes what an attacker would want."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name.startswith("on") or name in ("style", "src", "srcdoc"):
                self.bad.append(f"{tag} {name}")
            if name == "href" and not (value or "").startswith("#"):
                self.bad.append(f"{tag} {value}")


def page(tmp_path: Path, *rows: tuple[str, list[Row]], name: str = "x.pcap") -> str:
    writer = HtmlWriter(tmp_path / "x.html")
    for batch in batches():
        writer.write(batch)
    for table, some in rows:
        writer.write(table_rows(schema.BY_NAME[table], some))
    writer.captured(Capture(files=[name], packets=48))
    writer.close()
    return (tmp_path / "x.html").read_text("utf-8")


def test_sections_and_nothing_from_outside(tmp_path: Path) -> None:
    text = page(tmp_path)
    for title in ("What stands out", "Connections over time", "Where the bytes went", "Messages"):
        assert f">{title}</h2>" in text
    tags = Tags()
    tags.feed(text)
    assert tags.bad == []
    assert tags.tags.count("script") == 2 + text.count('type="text/plain"')
    assert not re.search(r"https?://(?!github\.com/leeoniya)", text)
    assert len(text) < 500_000


def test_policy_names_the_scripts_by_their_digests(tmp_path: Path) -> None:
    policy = unescape(re.findall(r'Policy" content="([^"]*)"', page(tmp_path))[0])
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 4


def test_hostile_text_is_text(tmp_path: Path) -> None:
    path = f"/{EVIL}"
    connection: Row = {"connection": 5, "path": path, "host": EVIL, "close_kind": "reset"}
    connection |= {"opened_at": 1_767_323_045_000_000_000, "wire_bytes": 10**6}
    connection |= {"client_messages": 0, "server_messages": 0}
    diagnosis: Row = {"id": "x", "severity": "error", "text": EVIL, "advice": EVIL}
    diagnosis |= {"connections": 1, "evidence": "{}"}
    text = page(tmp_path, ("connections", [connection]), ("diagnoses", [diagnosis]), name=EVIL)
    tags = Tags()
    tags.feed(text)
    assert tags.bad == []
    assert "img" not in tags.tags
    assert "\0" not in text
    assert "\u202e" not in text


def test_tables_are_capped_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = dict(writers._KEPT)
    kept["messages"] = (1, *kept["messages"][1:])
    monkeypatch.setattr(writers, "_KEPT", kept)
    assert "The first 1 of 2; --csv has them all." in page(tmp_path)


def test_without_rows(tmp_path: Path) -> None:
    writer = HtmlWriter(tmp_path / "x.html")
    writer.close()
    writer.close()
    text = (tmp_path / "x.html").read_text("utf-8")
    assert "Nothing stands out." in text


def test_abort_and_no_folder(tmp_path: Path) -> None:
    writer = HtmlWriter(tmp_path / "x.html")
    writer.abort()
    writer.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ReportError):
        HtmlWriter(tmp_path / "none" / "x.html")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    target = tmp_path / "x.html"
    target.symlink_to("/dev/full")
    writer = HtmlWriter(target)
    with pytest.raises(ReportError, match="cannot write /dev/full: No space left"):
        writer.close()
    writer.abort()
