"""`wsanalyze docs [TOPIC]`: prints a page of the documentation.

Wheels hold the pages in analyzer/pages, put there when the package is built; in a working copy they
stand in docs/. Must not know what they say. Called by cli.main.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from analyzer.cli.shared import pipes
from analyzer.errors import OptionError

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Return where the pages are.

    Raises:
        OptionError: They were not installed.
    """
    for place in (_PACKAGE / "pages", _PACKAGE.parent / "docs"):
        if (place / "numbers.md").is_file():
            return place
    raise OptionError("the documentation was not installed", hint="see the project's README")


def topics() -> dict[str, str]:
    """Return the names of the pages with their titles."""
    found = {}
    for page in sorted(folder().glob("*.md")):
        first = page.read_text(encoding="utf-8").partition("\n")[0]
        found[page.stem.lower()] = first.lstrip("# ").strip()
    return found


def run_docs(arguments: Sequence[str]) -> int:
    """Print a page, or which there are.

    Raises:
        OptionError: There is no such page.
    """
    with pipes():
        if not arguments or arguments[0] in ("-h", "--help"):
            width = max(map(len, topics()))
            sys.stdout.write("wsanalyze docs TOPIC prints one of these pages (Markdown):\n\n")
            for name, title in topics().items():
                sys.stdout.write(f"  {name:<{width}}  {title}\n")
            return 0
        sys.stdout.write(_page(arguments))
    return 0


def _page(arguments: Sequence[str]) -> str:
    if len(arguments) > 1:
        raise OptionError("docs takes one topic", hint="wsanalyze docs lists them")
    # Screens point to docs/numbers.md#anchor: that is a topic too.
    wanted = arguments[0].partition("#")[0].removeprefix("docs/").removesuffix(".md").lower()
    known = topics()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, 1)
        hint = f"did you mean {near[0]}?" if near else _speaking(arguments[0])
        raise OptionError(f"there is no page {arguments[0]!r}", hint=hint)
    for page in folder().glob("*.md"):
        if page.stem.lower() == wanted:
            return page.read_text(encoding="utf-8")
    raise OptionError(f"there is no page {arguments[0]!r}")


def _speaking(word: str) -> str:
    """Return a hint: the pages that have a word, such as a close code or a finding."""
    found = [
        page.stem.lower()
        for page in sorted(folder().glob("*.md"))
        if word.lower() in page.read_text(encoding="utf-8").lower()
    ]
    return f"these have it: {', '.join(found)}" if found else "wsanalyze docs lists them"
