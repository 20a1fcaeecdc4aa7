"""Puts tests/ and captures/make/ on sys.path: `oracle.<name>`, and the makers of captures.

Where coverage is measured, it notes for each line which test files run it.
"""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "captures" / "make"))

# No test fails on time: a loaded machine takes ten times as long.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
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


_covered: list[Path] = []
"""The test file that runs, where coverage is measured."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Tell coverage when another test file begins, for .ci/module_coverage.py.

    `--cov-context=test` would do so before and after each test, and write to disk what was
    measured each time: that takes about as long as the tests.
    """
    coverage = sys.modules.get("coverage")
    running = coverage and coverage.Coverage.current()
    if running is not None and _covered != [item.path]:
        _covered[:] = [item.path]
        running.switch_context(item.path.relative_to(item.config.rootpath).as_posix())
