"""Puts tests/ and captures/make/ on sys.path: `oracle.<name>`, and the makers of captures.

Where coverage is measured, it notes for each line which test files run it.
"""

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "captures" / "make"))

# The width of the terminal that tests run in is not to decide how wide a report is.
os.environ.pop("COLUMNS", None)
# Shells let what runs in the background ignore SIGINT, and programs that tests end by it inherit
# that (POSIX, 2.11 Signals and Error Handling).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So does nohup with SIGHUP.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# No test fails on time: a loaded machine takes ten times as long. Nor by chance: what a run tells
# of a change is the change's, so examples are the same each time. WSANALYZE_RANDOM_TESTS=1 looks
# for new ones; what it finds becomes a test of its own.
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize=os.environ.get("WSANALYZE_RANDOM_TESTS") != "1",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

PROGRAMS = ("capinfos", "editcap", "ip", "mergecap", "openssl", "tcpdump", "tshark", "unshare")
"""What tests compare with; tests/run installs it."""


def _or_skip() -> Generator[None, object, object]:
    """Skip a test whose program is missing, and name the program."""
    try:
        return (yield)
    except FileNotFoundError as error:
        if error.filename in PROGRAMS:
            pytest.skip(f"{error.filename} is not installed")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _or_skip())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _or_skip())


# --- coverage --------------------------------------------------------------------------

TESTS = Path(__file__).parent
_measuring: dict[str, Any] = {"file": None, "coverage": None, "paused": False}
"""The test file that runs; where coverage is measured, its Coverage, and whether it is paused."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Have coverage note for each line which test files run it, for .ci/module_coverage.py.

    `--cov-context=test` would write what was measured to disk before and after each test.
    Tests of no single module, such as those of all captures, are not measured: tracing makes them
    take half as long again, and that they run a line says little of whether it is tested.
    """
    if item.path == _measuring["file"] or "coverage" not in sys.modules:
        return
    _measuring["file"] = item.path
    # Asked once: what was started before it is "current" again while it is paused.
    coverage = _measuring["coverage"] or sys.modules["coverage"].Coverage.current()
    _measuring["coverage"] = coverage
    if coverage is None:
        return
    if is_of_a_module(item.path):
        if _measuring["paused"]:
            coverage.start()
        coverage.switch_context(item.path.relative_to(TESTS.parent).as_posix())
    elif not _measuring["paused"]:
        coverage.stop()
    _measuring["paused"] = not is_of_a_module(item.path)


def is_of_a_module(test: Path) -> bool:
    """Whether a test file tests the module of its name, as most do."""
    folder = TESTS.parent / "analyzer" / test.parent.relative_to(TESTS)
    return (folder / test.name.removeprefix("test_")).exists()
