"""Prints branch coverage of every module by its own test.

Reads what `tests/run --cov` left in .coverage: tests/conftest.py has each module measured while
its own tests run, and at no other time. Compiled kernels leave no trace and are not listed.
Nothing fails here: the table says where tests are thin.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]
BAR = 90.0


def percent(coverage: Coverage, module: Path, contexts: list[str]) -> float:
    """Return the covered share of a module's lines and branches by some tests."""
    return coverage.report(morfs=[str(module)], contexts=contexts, file=io.StringIO())


def main() -> None:
    """Print the table, the thinnest first."""
    coverage = Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    package = ROOT / "analyzer"
    rows: list[tuple[float, str]] = []
    for module in sorted(package.rglob("[a-z]*.py")):
        name = str(module.relative_to(package))
        test = f"tests/{module.relative_to(package).parent}/test_{module.name}".replace("/./", "/")
        # Lines that run when a module is imported belong to no test: the context "".
        own = percent(coverage, module, ["^$", f"^{re.escape(test)}$"])
        rows.append((own, name))
    rows.sort()
    for own, name in rows:
        print(f"{own:5.1f}%  {name}{'' if own >= BAR else '  <'}")
    thin = sum(own < BAR for own, _ in rows)
    print(f"{thin} of {len(rows)} below {BAR:.0f} % by their own test")


if __name__ == "__main__":
    main()
