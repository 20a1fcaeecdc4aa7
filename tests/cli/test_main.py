"""The entry: which verb is run, and that each error is one line with its exit status."""

from __future__ import annotations

import sys
import types

import pytest

from analyzer.cli import main
from analyzer.cli.shared import PipeClosed
from analyzer.errors import OptionError

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (OptionError("no such thing", hint="try another"), 2, "error: no such thing; try another"),
        (KeyboardInterrupt(), 130, ""),
        (PipeClosed(), 141, ""),
        (RuntimeError("lost\x1b[2J"), 2, "a fault of wsanalyze itself: RuntimeError: lost"),
    ],
)
def test_what_a_verb_raises(
    raised: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    def fail(arguments: object) -> int:
        raise raised

    module = types.ModuleType("analyzer.cli.compare")
    module.run_compare = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "analyzer.cli.compare", module)
    monkeypatch.setattr(main, "drop_stdout", lambda: None)
    monkeypatch.delenv("WSANALYZE_DEBUG", raising=False)
    assert main.main(["compare"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == (1 if said else 0)
    assert "\x1b" not in err
