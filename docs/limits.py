"""Makes docs/limits.md from analyzer/options.py: `python docs/limits.py > docs/limits.md`.

Names, defaults and reasons are read from the source, where each reason stands as the
string below its field. A test compares the page with what this makes.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from analyzer.options import KIB, MIB, Options

INTRODUCTION = """\
# Limits and switches

This page is made from `analyzer/options.py`; a test keeps the two equal.

Memory is bounded whatever the traffic does: each thing that could grow has a named limit. What
a limit cuts is counted and becomes a [finding](findings.md). All are fields of
`analyzer.Options`, and keyword arguments of `analyzer.analyze`:

```python
import analyzer

analysis = analyzer.analyze("captures/npm-ws-basic.pcap", max_inflated_bytes=1_000_000)
```
"""


def sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each section of Options: its title, and (name, reason) of its fields."""
    source = Path(sys.modules[Options.__module__].__file__ or "").read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    fields: list[tuple[str, str]] = []
    title, start = "", 0
    for node, reason in pairwise(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        for line in lines[start : node.lineno]:
            if line.strip().startswith("# --- "):
                if fields:
                    yield title, fields
                title, fields = line.strip().removeprefix("# --- "), []
        start = node.lineno
        text = ast.literal_eval(reason.value) if isinstance(reason, ast.Expr) else ""
        fields.append((node.target.id, " ".join(text.split())))
    yield title, fields


def shown(name: str, value: object) -> str:
    """Return a default as a reader likes it: with its unit."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"`{value}`"
    if name.endswith("_s"):
        return f"{value:g} s"
    if "_bytes" in name:
        for unit, size in (("MiB", MIB), ("KiB", KIB)):
            if value % size == 0:
                return f"{value // size} {unit}"
        return f"{value} bytes"
    return f"{value:,}"


def markdown() -> str:
    """Return docs/limits.md."""
    defaults = {field.name: field.default for field in dataclasses.fields(Options)}
    parts = [INTRODUCTION]
    for title, fields in sections():
        rows = "\n".join(
            f"| `{name}` | {shown(name, defaults[name])} | {reason} |" for name, reason in fields
        )
        parts.append(f"## {title}\n\n| name | default | reason |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.stdout.write(markdown())
