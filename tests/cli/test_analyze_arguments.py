"""Parsed options, and files without any, which take a way of their own."""

import dataclasses
from pathlib import Path

import pytest

from analyzer.cli import analyze, main
from analyzer.cli.analyze import Request
from analyzer.cli.analyze_arguments import app


@pytest.fixture
def requests(monkeypatch):
    asked = []
    monkeypatch.setattr(analyze, "run", lambda request: asked.append(request) or 0)
    return asked


@pytest.mark.parametrize(
    "files",
    [
        *(["x.pcap"], ["a", "b/c"], ["-"], ["x", "-"], [""], ["/a/b"], ["../x"], [".x", "."]),
        *(["./x"], ["a//b"], ["a/"], ["a/./b"], ["/"], ["a/."], ["a/.b/c."]),
    ],
)
def test_files_alone_are_the_same_parsed_or_not(requests, files):
    assert main.main(files) == 0
    app(files, prog_name="wsanalyze", standalone_mode=False)
    unparsed, parsed = requests
    assert parsed == Request(files=[Path(each) for each in files])
    assert [str(each) for each in unparsed.files] == [str(each) for each in parsed.files]
    assert dataclasses.replace(unparsed, files=parsed.files) == parsed


def test_an_option_is_parsed(requests):
    assert main.main(["x", "--hold", "2", "-q"]) == 0
    assert requests == [Request(files=[Path("x")], hold=2.0, quiet=True)]


@pytest.mark.parametrize(
    ("given", "only"),
    [(["x"], True), (["-", "x"], True), (["x", "-q"], False), (["--", "-x"], False)],
)
def test_options_begin_with_a_dash(given, only):
    assert main.only_files(given) is only
