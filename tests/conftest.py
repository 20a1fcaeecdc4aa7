"""Puts tests/ and captures/make/ on sys.path: `oracle.<name>`, and the makers of captures.

Where coverage is measured, it is that of the module whose tests run.
"""

import gc
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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while nothing but what stays is made, nor later among that.

    It is a third of the time of collecting 19,000 tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# --- coverage --------------------------------------------------------------------------

TESTS = Path(__file__).parent
_measured: dict[str, Any] = {"test": None, "own": None}
"""The test file that runs, and the Coverage of its module."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Have coverage note for each line of a module whether the module's own tests run it.

    With that of all modules, tests take twice as long; with that of one, a quarter longer. Nor
    does that a line runs while something else is tested say that it is tested. What `--cov` started
    measures imports until the first test runs, and takes what is measured from then on.
    """
    whole = _whole()
    if whole is None:
        return (yield)
    if _measured["test"] != item.path:
        _measured["test"], _measured["own"] = item.path, _begun(module_of(item.path))
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            _hand_over(whole, item.path)


def _whole() -> Any:
    """Return what `--cov` started, which from now on measures nothing by itself."""
    if "coverage" not in sys.modules:
        return None
    if "whole" not in _measured:
        _measured["whole"] = whole = sys.modules["coverage"].Coverage.current()
        if whole is not None:
            whole.stop()
    return _measured["whole"]


def _begun(module: Path) -> Any:
    # Of kernels, which leave no trace where they are compiled, the configuration knows.
    if not module.exists() or module.name.startswith("_"):
        return None
    own = sys.modules["coverage"].Coverage(
        data_file=None, config_file=False, branch=True, include=[str(module)]
    )
    own.set_option("run:disable_warnings", ["no-data-collected"])
    own.start()
    return own


def _hand_over(whole: Any, test: Path) -> None:
    own, _measured["test"], _measured["own"] = _measured["own"], None, None
    if own is None:
        return
    own.stop()
    found, data = own.get_data(), whole.get_data()
    data.set_context(test.relative_to(TESTS.parent).as_posix())
    data.add_arcs({file: found.arcs(file) or [] for file in found.measured_files()})


def module_of(test: Path) -> Path:
    """Return the module that a test file tests, which need not exist."""
    folder = TESTS.parent / "analyzer" / test.parent.relative_to(TESTS)
    return folder / test.name.removeprefix("test_")
