"""Tables of runs that died: finds the parts they left (report.parts) and makes reports of them.

Knows how the writers of report.csv, report.parquet and report.json name their parts. Must not
know tables' contents. Called by the verbs `recover` and `live`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from analyzer.errors import ReportError
from analyzer.lazy_dataclass import dataclass, field
from analyzer.report import csv, json, parquet, parts
from analyzer.report.output import report_errors
from analyzer.tables.schema import BY_NAME, TABLES

_SPELLED: Final[Mapping[str, Callable[[str], str]]] = {
    ".csv": csv.file_name,
    ".parquet": parquet.file_name,
}


@dataclass(slots=True)
class Recovered:
    """What was made of the parts of one report.

    Attributes:
        target: folder of CSV or Parquet files, or file of JSON.
        kind: "CSV", "Parquet" or "JSON".
        tables: that have rows.
        rows: of all tables.
    """

    target: Path
    kind: str
    tables: int = 0
    rows: int = 0

    def add(self, rows: int) -> None:
        """Count a table."""
        self.tables += rows > 0
        self.rows += rows


@dataclass(slots=True)
class _Found:
    """Parts of one folder by report: of CSV and Parquet by table, of JSON by document."""

    csv: dict[str, Path] = field(default_factory=dict)
    parquet: dict[str, Path] = field(default_factory=dict)
    documents: dict[str, dict[str, Path]] = field(default_factory=dict)


def recover(folder: Path) -> list[Recovered]:
    """Make tables of all parts in a folder and in the folders in it; the parts go.

    Returns:
        One for each report; empty if there are no parts.

    Raises:
        ReportError: There is no such folder, a run writes there at this moment, or the disk is
            full. Parts that became no tables stay.
    """
    places = [folder, *_folders_in(folder)]
    out: list[Recovered] = []
    for place in places:
        with report_errors(place):
            names = parts.parts_in(place)
        for path in names:
            if parts.is_held(path):
                raise ReportError(f"{path} belongs to a run that is at work", hint="end it first")
        out += _recover_one(place, _sorted_out(names))
    return out


def left_behind(
    csv_folder: Path | None, parquet_folder: Path | None, document: Path | None, *, rotates: bool
) -> list[Path]:
    """Put what dead runs left aside where a new one is to write; return where it is.

    Args:
        csv_folder: of the new run.
        parquet_folder: of the new run.
        document: of the new run, of JSON.
        rotates: whether the new run writes into its own folders below these.

    Raises:
        ReportError: It cannot be put aside.
    """
    out: list[Path] = []
    for folder, names in ((csv_folder, csv.file_names()), (parquet_folder, parquet.file_names())):
        if folder is None or not _is_folder(folder):
            continue
        if rotates:
            out += [folder] * any(parts.left_behind(each) for each in _folders_in(folder))
        else:
            out += filter(None, [parts.set_aside(folder, names)])
    if document is not None and _is_folder(document.parent):
        real = Path(os.path.realpath(document))
        out += filter(None, [parts.set_aside(real.parent, json.part_names(real).values())])
    return list(dict.fromkeys(out))


def _folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder; links to others are none."""
    with report_errors(folder):
        found = folder.iterdir()
        return sorted(each for each in found if each.is_dir() and not each.is_symlink())


def _is_folder(path: Path) -> bool:
    """Return whether there is such a folder; missing rights are reported when it is written."""
    try:
        return path.is_dir()
    except PermissionError:
        return False


def _sorted_out(paths: list[Path]) -> _Found:
    found = _Found()
    for path in paths:
        name = path.name.removesuffix(parts.SUFFIX)
        stem, suffix = os.path.splitext(name)
        if suffix in _SPELLED and stem in BY_NAME:
            (found.csv if suffix == ".csv" else found.parquet)[stem] = path
        elif suffix[1:] in BY_NAME and stem:
            found.documents.setdefault(stem, {})[suffix[1:]] = path
    return found


def _recover_one(folder: Path, found: _Found) -> list[Recovered]:
    out: list[Recovered] = []
    if found.csv:
        out.append(_recover_csv(folder, found.csv))
    if found.parquet:
        made = Recovered(folder, "Parquet")
        for table, path in found.parquet.items():
            made.add(parquet.convert(path, folder / parquet.file_name(table)))
        out.append(made)
    for name, tables in found.documents.items():
        made = Recovered(folder / name, "JSON")
        made.tables = len([path for path in tables.values() if path.stat().st_size])
        made.rows = json.join(tables, folder / name)
        out.append(made)
    return out


def _recover_csv(folder: Path, found: Mapping[str, Path]) -> Recovered:
    made = Recovered(folder, "CSV")
    for table in TABLES:
        path = found.get(table.name)
        if path is None:
            continue
        with report_errors(path), path.open("r+b") as file:
            lines = parts.whole_lines(file)
            if not lines:
                file.write(csv.header(table))
        with report_errors(path):
            path.replace(folder / csv.file_name(table.name))
        made.add(max(0, lines - 1))
    return made
