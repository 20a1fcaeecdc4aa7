"""The shape of the tree: tests mirror the package, functions and modules stay short."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "analyzer"
TESTS = ROOT / "tests"

UNTESTED = {"version.py"}
"""Modules without a test file of their own: nothing in them can fail."""

KERNEL_PARTS = {
    "http/_row_accounts.py": "http/http2/connection.py",
    "http/_row_path.py": "http/http2/connection.py",
    "inside/_had.py": "inside/_publications.py",
    "inside/_naming.py": "inside/_quick.py",
    "inside/_open_calls.py": "inside/_quick.py",
    "tcp/_copies.py": "tcp/_assembly.py",
    "tcp/_delivery.py": "tcp/_assembly.py",
    "tcp/_lookup.py": "tcp/_assembly.py",
    "tcp/_ordering.py": "tcp/_assembly.py",
    "tcp/_rows.py": "tcp/_assembly.py",
    "tcp/_state.py": "tcp/_assembly.py",
    "websocket/_costs.py": "websocket/_frames.py",
    "websocket/_messages.py": "websocket/_frames.py",
    "websocket/_payload.py": "websocket/_frames.py",
    "websocket/_rules.py": "websocket/_frames.py",
    "websocket/_state.py": "websocket/_frames.py",
}
"""Files of one kernel class -> the file with its last part, whose tests are those of all."""
DECLARATIONS = {"findings", "tables/schema"}
"""Folders whose modules only declare: test_<folder>.py there tests all of them alike."""

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 500
LONG_MODULES = {"captures/make/peers.py": 380}
"""Modules that are longer, with their lines. May only shrink; new ones are not added."""
STARTED_BY_OTHERS = {"chat_ends.py", "netns.py"}
"""Scripts that a generator starts with all of their arguments."""
LONG_FUNCTIONS: dict[str, int] = {}
"""`path:name` of each function that is longer, with its lines. May only shrink."""


def python_files() -> list[Path]:
    """Every Python file of the project that a reader meets."""
    folders = (PACKAGE, TESTS, ROOT / "benchmarks", ROOT / "captures" / "make")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def modules() -> list[str]:
    """Every module of the package, as a path relative to it."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(
        str(path) for path in paths if path.name != "__init__.py" and str(path) not in UNTESTED
    )


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and the lines of each function of a file, decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("module", modules())
def test_module_has_its_test_file(module: str) -> None:
    # A kernel, _frames.py, shares test_frames.py with the module of that name, if any.
    path = Path(KERNEL_PARTS.get(module, module))
    stem = path.parent.name if str(path.parent) in DECLARATIONS else path.stem.lstrip("_")
    mirror = TESTS / path.parent / f"test_{stem}.py"
    assert mirror.exists(), f"{mirror.relative_to(ROOT)} is missing"


def test_exceptions_exist() -> None:
    assert {name for name in (*UNTESTED, *KERNEL_PARTS) if not (PACKAGE / name).exists()} == set()
    assert {name for name in LONG_MODULES if not (ROOT / name).exists()} == set()


def test_functions_are_short() -> None:
    longer = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in python_files()
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    }
    assert longer == LONG_FUNCTIONS


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short(path: Path) -> None:
    bar = LONG_MODULES.get(str(path.relative_to(ROOT)), MAX_MODULE_LINES)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= bar


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def scripts() -> list[Path]:
    """Files that record, write or rewrite something when they are run."""
    folders = ROOT / "captures" / "make", ROOT / "docs"
    paths = (path for folder in folders for path in sorted(folder.glob("*.py")))
    return [path for path in paths if "\nif __name__" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_scripts_read_their_command_line(path: Path) -> None:
    """One that looks at no arguments would write when it is asked for --help."""
    calls = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert calls & {"asked", "ArgumentParser"} or path.name in STARTED_BY_OTHERS


def test_kernels_are_the_only_modules_with_relaxed_types() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    relaxed = {
        module
        for override in config["tool"]["mypy"]["overrides"]
        if "disable_error_code" in override
        for module in override["module"]
    }
    kernels = PACKAGE.rglob("_[a-z]*.py")
    assert relaxed == {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in kernels}
