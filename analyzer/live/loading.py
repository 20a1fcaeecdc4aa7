"""What a live run may need later, loaded while it still may read the Python installation.

Root becomes another user when the interface is open, and that user may not be allowed to read the
folder of Python (pyenv below /root). From then on nothing can be imported, and no
codec be looked up that was not before. Knows the names of modules, libraries and codecs. Must
not know what they do. Called by the verb `live`, before rights are given up.
"""

from __future__ import annotations

import codecs
import importlib
import pkgutil
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Final

import analyzer

CODECS: Final = (
    *("ascii", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
    # Of the standard library: host names, escapes.
    *("idna", "punycode", "unicode_escape", "raw_unicode_escape"),
)
"""All that stages and reports name; tests/live/test_loading.py looks for others in their text."""

LIBRARIES: Final = (
    *("hpack", "hpack.exceptions", "hyperframe.frame", "hyperframe.exceptions", "zstandard"),
    *("rich.console", "rich.text", "rich.cells", "rich.table", "rich.control", "rich.errors"),
    # Imported by the standard library and by libraries when they first need them.
    *("logging", "queue", "concurrent.futures.thread", "multiprocessing", "_strptime"),
    *("json", "tempfile", "shutil", "subprocess", "traceback", "linecache", "unicodedata"),
)
"""Imported late by stages, reports, or by libraries that they use."""

TABLES: Final = ("pandas", "pyarrow", "pyarrow.csv", "pyarrow.compute", "pyarrow.ipc",
                 "pyarrow.pandas_compat",
    "pyarrow.vendored.version", "pyarrow.parquet")  # fmt: skip
"""Imported for CSV and Parquet alone: a third of a second."""

_NOT_LIVE: Final = ("analyzer.cli",)
"""Other verbs, which are not called any more; `live` itself is there already."""


def load_all(more: Iterable[str] = (), *, tables: bool = False) -> None:
    """Import every module of the stages and reports, and look up all codecs.

    Args:
        more: further modules.
        tables: whether tables are written that take pyarrow.
    """
    for name in CODECS:
        codecs.lookup(name)
    for found in pkgutil.walk_packages(analyzer.__path__, "analyzer."):
        if not found.name.startswith(_NOT_LIVE):
            importlib.import_module(found.name)
    # Width tables of rich are a module for each version of Unicode.
    widths = _submodules("rich._unicode_data")
    for name in (*LIBRARIES, *widths, *(TABLES if tables else ()), *more):
        importlib.import_module(name)


def _submodules(package: str) -> list[str]:
    """Return the modules of a package; none where this version of a library has no such one."""
    if find_spec(package) is None:
        return []
    made = importlib.import_module(package)
    return [found.name for found in pkgutil.iter_modules(made.__path__, f"{package}.")]
