"""The site: every page is in its navigation, once, and none is missing."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_navigation_has_every_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^ *- (?:[^:\n]+: )?([\w-]+\.md)$", text.partition("\nnav:")[2], re.M)
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_recipes_that_were_run_name_captures_that_exist() -> None:
    text = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
    named = re.findall(r"^    wsanalyze (captures/\S+)", text, re.M)
    assert named
    assert all((ROOT / name).exists() for name in named)
    # A recipe says whether it was run.
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        assert re.search(r"\*(Run|Not run)|run here", part), part.partition("\n")[0]
