"""Keeps the samples in README.md and docs/ true: `python docs/samples.py` makes them anew.

In a block marked `console`, each line that begins with `$ ` is a command, run by bash in
a folder that holds `captures`; what follows is its output, which is replaced. A block marked
`sh` or `python` is run by the tests for its exit status alone. `text` and `sql` are not run.
Samples must not depend on the machine: they come from committed captures, through a pipe.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
PROMPT = "$ "
FEW = 5


def pages() -> list[Path]:
    """Return the documents whose blocks are run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, kind: str) -> list[str]:
    """Return the bodies of all fenced blocks of a kind."""
    return [body for marked, body in BLOCK.findall(text) if marked == kind]


def named(script: str) -> Iterator[Path]:
    """Yield the captures that a script names, and few of those that a pattern or folder means."""
    for pattern in re.findall(r"captures\b[\w*./-]*", script):
        found = sorted(ROOT.glob(pattern))
        if found == [ROOT / "captures"]:
            found = sorted((ROOT / "captures").glob("npm-ws-*.pcap"))
        yield from found[:FEW]


@contextmanager
def workplace(script: str | None = None) -> Iterator[Path]:
    """Make a folder with `captures` in it; the programs of this interpreter run there.

    With a script, of which only the exit status counts, there are no more captures than it needs.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if script is None:
            (folder / "captures").symlink_to(ROOT / "captures")
        else:
            for path in named(script):
                link = folder / path.relative_to(ROOT)
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(path)
        programs = folder / "bin"
        programs.mkdir()
        for program, start in (("wsanalyze", "-m analyzer.cli.main "), ("python", "")):
            script = programs / program
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start}"$@"\n')
            script.chmod(0o755)
        yield folder


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a workplace, standard error in its output."""
    unwanted = ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "TZ": "UTC",
    }
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def refreshed(body: str, folder: Path) -> str:
    """Return the body of a `console` block with the output that its commands have now."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith(PROMPT):
            output = run(line.removeprefix(PROMPT), folder).stdout
            lines += [line, *(part.rstrip() for part in output.splitlines())]
    return "\n".join(lines) + "\n"


def refreshed_page(text: str) -> str:
    """Return a document with all its samples made anew."""
    with workplace() as folder:

        def replaced(match: re.Match[str]) -> str:
            if match[1] != "console":
                return match[0]
            return f"```console\n{refreshed(match[2], folder)}```"

        return BLOCK.sub(replaced, text)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for page in pages():
        page.write_text(refreshed_page(page.read_text(encoding="utf-8")), encoding="utf-8")
