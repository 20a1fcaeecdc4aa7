"""The documents: links lead somewhere, samples and commands are true, limits are listed.

docs/tables.md and docs/findings.md are compared in tests/tables.
"""

from __future__ import annotations

import dataclasses
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from analyzer.options import Options

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "captures", "reports", "benchmarks", "tests")
SAMPLES: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "samples.py"))
LIMITS: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "limits.py"))
PROTOCOLS: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "protocols.py"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *inside])


def prose(path: Path) -> str:
    """The text of a document without its code."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def relative_links(path: Path) -> Iterator[str]:
    """Yield the targets of links that stay inside the project."""
    for target in LINK.findall(prose(path)):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def anchors(path: Path) -> set[str]:
    """The anchors that headings get: lower case, punctuation gone, hyphens for spaces."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    titles = re.findall(r"^#+ +(.*?)\s*$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in relative_links(path):
        name, _, anchor = target.partition("#")
        file = (path.parent / unquote(name)).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One, two\n[a](gone.md) `[b](code.md)` [c](#one-two)\n```\n[d](x.md)\n```\n")
    assert list(relative_links(page)) == ["gone.md", "#one-two"]
    assert anchors(page) == {"one-two"}


# --- samples and commands: what a reader may type does what the page says


def marked(kind: str) -> list[Any]:
    """Every block of a kind in the documents, named after its page and number."""
    return [
        pytest.param(body, id=f"{page.relative_to(ROOT)}-{number}")
        for page in SAMPLES["pages"]()
        for number, body in enumerate(SAMPLES["blocks"](page.read_text(encoding="utf-8"), kind))
    ]


@pytest.mark.parametrize("body", marked("console"))
def test_sample_shows_what_the_command_prints(body: str) -> None:
    with SAMPLES["workplace"]() as folder:
        # If not: look at the difference, then `python docs/samples.py`.
        assert body == SAMPLES["refreshed"](body, folder)


@pytest.mark.parametrize("body", marked("sh"))
def test_commands_succeed(body: str) -> None:
    if "tshark" in body and shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    with SAMPLES["workplace"](body) as folder:
        done = SAMPLES["run"](f"set -eu\n{body}", folder)
        assert done.returncode == 0, done.stdout
        assert "error:" not in done.stdout


@pytest.mark.parametrize("body", marked("python"))
def test_python_runs(body: str) -> None:
    with SAMPLES["workplace"](body) as folder:
        (folder / "page.py").write_text(body, encoding="utf-8")
        done = SAMPLES["run"]("python -W error page.py", folder)
        assert done.returncode == 0, done.stdout


def test_a_wrong_sample_would_be_found() -> None:
    with SAMPLES["workplace"]() as folder:
        assert SAMPLES["refreshed"]("$ echo one\ntwo\n", folder) == "$ echo one\none\n"
        assert SAMPLES["run"]("wsanalyze captures/missing.pcap", folder).returncode == 2


def test_the_two_commands_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    install, tests = (body.strip() for body in SAMPLES["blocks"](text, "text"))
    capture = install.rpartition(" ")[2]
    assert install == (
        f"python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/wsanalyze {capture}"
    )
    assert (ROOT / capture).is_file()
    assert tests == "tests/run"
    assert (ROOT / tests).stat().st_mode & 0o111


def test_readme_lists_every_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "analyzer.cli.main", "--help"],
        capture_output=True,
        check=True,
        cwd=ROOT,
        encoding="utf-8",
    ).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help", "--version"}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for name in options if f"`{name}" not in text} == set()


# --- limits


def test_limits_page_is_up_to_date() -> None:
    # If not: python docs/limits.py > docs/limits.md
    assert (ROOT / "docs" / "limits.md").read_text(encoding="utf-8") == LIMITS["markdown"]()


def test_protocols_page_is_up_to_date() -> None:
    # If not: python docs/protocols.py > docs/protocols.md
    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    assert page == PROTOCOLS["page"]()


def test_every_limit_has_its_reason() -> None:
    listed = {name: reason for _, fields in LIMITS["sections"]() for name, reason in fields}
    assert set(listed) == {field.name for field in dataclasses.fields(Options)}
    assert [name for name, reason in listed.items() if not reason] == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_x_bytes", 64 * 1024, "64 KiB"),
        ("max_x_bytes", 3 * 1024 * 1024, "3 MiB"),
        ("preview_bytes", 96, "96 bytes"),
        ("max_connections", 65_536, "65,536"),
        ("x_s", 0.02, "0.02 s"),
        ("payload", "preview", "`preview`"),
    ],
)
def test_defaults_are_shown_with_their_unit(name: str, value: object, text: str) -> None:
    assert LIMITS["shown"](name, value) == text
