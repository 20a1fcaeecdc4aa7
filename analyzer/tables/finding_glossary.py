"""Makes docs/findings.md: `python -m analyzer.tables.finding_glossary > docs/findings.md`.

Knows the kinds of findings alone. A test compares the file with what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby

from analyzer.findings import KINDS, Kind

_INTRODUCTION = """\
# Findings

This page is made from `analyzer/findings/`; a test keeps the two equal.

A finding is an oddity in the traffic or in the capture file. Its id is stable, so
that scripts can filter on it; the first word of the id says where it was found. `...`
stands for what differs from case to case.

| severity | means |
|---|---|
| error | a rule (MUST) is broken, or data is lost |
| warning | likely a problem |
| note | worth knowing when something else is wrong |
| info | a plain fact |

`wsanalyze --fail-on SEVERITY` exits with 1 when there is a finding or a
[diagnosis](diagnosis.md) of that severity or higher, `--fail-on ID` when there is one of that id.
"""


_STAGES = (
    "capture",
    "packets",
    "names",
    "tcp",
    "tls",
    "http",
    "http2",
    "handshake",
    "websocket",
    "deflate",
    "inside",
    "compared",
    "diagnosis",
)
"""In the order in which data flows."""


def stage(kind: Kind) -> str:
    """Return the first word of the id: where it is found."""
    return kind.id.partition("-")[0]


def markdown() -> str:
    """Return docs/findings.md: the introduction, and a table for each stage."""
    kinds = sorted(KINDS, key=lambda kind: (_STAGES.index(stage(kind)), kind.code))
    sections = (_section(name, group) for name, group in groupby(kinds, stage))
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, kinds: Iterable[Kind]) -> str:
    rows = "\n".join(_row(kind) for kind in kinds)
    return f"## {name}\n\n| id | severity | rule | meaning |\n|---|---|---|---|\n{rows}\n"


def _row(kind: Kind) -> str:
    text = kind.text.replace("{detail}", "...").replace("|", "\\|")
    return f"| `{kind.id}` | {kind.severity} | {kind.rfc} | {text} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
