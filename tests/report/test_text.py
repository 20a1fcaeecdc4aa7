"""Text and Plain: as rich's Text and Console, and without rich where it is not needed."""

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len as rich_len
from rich.console import Console
from rich.text import Text as RichText

from analyzer.report import text as module
from analyzer.report.layout import make_console
from analyzer.report.text import Plain, Text, cell_len

STYLES = st.sampled_from(["", "bold", "dim", "red"])
LETTERS = st.sampled_from("abc/-.µ…↑█    ") | st.sampled_from(
    "a \n\t\x07\r\xad\x85部猫é\u200d\ufe0f👍"
)
WORDS = st.text(LETTERS, max_size=30)
PLAIN_WORDS = st.text(st.sampled_from("abc/.µ…   "), max_size=40)
PARTS = st.lists(st.tuples(WORDS | PLAIN_WORDS, STYLES, st.booleans()), max_size=5)
WIDTHS = st.integers(1, 24)


def both(parts, style="dim"):
    """Return a text of ours and rich's, of the same parts: as strings with a style, or as texts."""
    ours, theirs = Text("", style), RichText("", style)
    for said, how, whole in parts:
        if whole:
            ours.append(Text(said, how))
            theirs.append(RichText(said, how))
        else:
            ours.append(said, how)
            theirs.append(said, how)
    return ours, theirs


def held(text):
    """Return what is seen of a text: characters with the styles that apply to each, in order."""
    return text.plain, text.style, [tuple(each) for each in text.spans if each[1] > each[0]]


@given(PARTS, PARTS)
def test_parts_and_sums_are_those_of_rich(parts, more):
    ours, theirs = both(parts)
    assert held(ours) == held(theirs)
    assert ours.cell_len == theirs.cell_len
    other, others = both(more, "red")
    assert held(ours + other) == held(theirs + others)
    assert held(ours) == held(theirs)
    assert held(Text.assemble("a", ("b", "red"), ours)) == held(
        RichText.assemble("a", ("b", "red"), theirs)
    )


@given(PARTS, WIDTHS)
def test_lines_are_those_of_rich(parts, width):
    ours, theirs = both(parts)
    lines = theirs.wrap(Console(file=io.StringIO()), width)
    assert list(map(held, ours.wrap(width))) == list(map(held, lines))


@given(PARTS, WIDTHS)
def test_cuts_are_those_of_rich(parts, width):
    ours, theirs = both(parts)
    copy = ours.copy()
    ours.truncate(width)
    theirs.truncate(width)
    assert held(ours) == held(theirs)
    ours.rstrip()
    theirs.rstrip()
    assert held(ours) == held(theirs)
    assert held(copy) == held(both(parts)[0])
    assert held(ours.rich()) == held(theirs)


@pytest.mark.parametrize("version", ["4.1.0", "9.0.0", "15.1.0", "latest", "auto"])
def test_characters_that_are_taken_for_single_are_so(version):
    assert {each: rich_len(each, version) for each in module._SINGLE} == dict.fromkeys(
        module._SINGLE, 1
    )
    assert cell_len("部屋") == 4


@pytest.mark.parametrize("said", ["words " * 40, "x" * 130, "", "a\nb"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "UTF-16"])
def test_a_file_gets_what_rich_writes_into_it(said, encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    ours, theirs = Plain(file, 60), Console(file=file, width=60)
    assert (ours.width, ours.encoding) == (theirs.width, theirs.encoding)
    assert (ours.is_terminal, ours.record) == (theirs.is_terminal, theirs.record)
    with theirs.capture() as written:
        theirs.print()
        theirs.print(RichText(said))
    plain = Plain(io.StringIO(), 60)
    plain.print()
    for line in Text(said).wrap(60):
        plain.file.write(line.plain + "\n")
    assert plain.file.getvalue() == written.get()


def test_a_pipe_is_plain_unless_colours_are_forced(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(make_console(io.StringIO()), Plain)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert make_console(io.StringIO()).is_terminal
    assert make_console(io.StringIO()).width == 100


def test_a_report_in_a_file_needs_no_rich():
    script = (
        "import io, sys\n"
        "from analyzer.report.layout import Head, heading, make_console, say, table\n"
        "console = make_console(io.StringIO())\n"
        "heading(console, 'Messages', 'of 3 µs')\n"
        "say(console, 'long … ' * 30)\n"
        "table(console, [Head('↑ a'), Head('b', flexible=True)], [('█▏', 'x' * 300)])\n"
        "print(sorted(name for name in sys.modules if name.startswith('rich')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "[]\n"
