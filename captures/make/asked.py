"""What the command line of a generator asks for: --help explains, and a wrong word is refused.

A generator that looks at no arguments would record anew whatever is asked of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def asked(about: str | None, names: Iterable[str] = ()) -> list[str]:
    """Return what to make: what the command line names, else all.

    Args:
        about: the module's docstring, for --help.
        names: all that can be made one by one; none: there is one thing to make.
    """
    known = list(names)
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if not known:
        parser.parse_args()
        return []
    parser.add_argument("name", nargs="*", help=f"of these alone: {', '.join(known)}")
    chosen: list[str] = parser.parse_args().name
    unknown = [name for name in chosen if name not in known]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; known: {', '.join(known)}")
    return chosen or known
