"""Where a run spends its time, as a picture: `python -m benchmarks.flame OUT.svg ARGUMENTS...`.

Runs wsanalyze with these arguments in a process of its own, looks at the Python stack at each tick
of processor time (some ms), and draws the stacks as a flame graph: width is time, callers are
above. Time in a kernel counts for the Python function that called it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 1000, 17
LEAST = 0.004
"""Share of the whole below which a box is left out, and all below it."""
_COLOURS = {"analyzer": "#f4a261", "numpy": "#8ecae6", "pyarrow": "#a7c957"}

_SAMPLER = """
import signal, sys
from collections import Counter
stacks = Counter()
def look(number, frame):
    names = []
    while frame is not None:
        code = frame.f_code
        names.append(frame.f_globals.get("__name__", "?") + ":" + code.co_qualname)
        frame = frame.f_back
    stacks[";".join(reversed(names))] += 1
signal.signal(signal.SIGPROF, look)
signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
out, sys.argv = sys.argv[1], ["wsanalyze", *sys.argv[2:]]
from analyzer.cli.main import main
try:
    main()
finally:
    signal.setitimer(signal.ITIMER_PROF, 0)
    with open(out, "w") as file:
        file.writelines(f"{stack} {count}\\n" for stack, count in stacks.items())
"""

Tree = dict[str, tuple[int, "Tree"]]
"""Samples of each function, and those of the functions that it calls."""


def sampled(arguments: list[str]) -> Counter[tuple[str, ...]]:
    """Return how often each stack was seen in a run, callers first.

    Raises:
        CalledProcessError: The run failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "stacks"
        subprocess.run(
            [sys.executable, "-c", _SAMPLER, str(out), *arguments],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return parsed(out.read_text())


def parsed(text: str) -> Counter[tuple[str, ...]]:
    """Return stacks of lines `caller;called COUNT`."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        # What starts the program is the same in each.
        names = [name for name in stack.split(";") if not name.startswith("__main__:")]
        stacks[tuple(names)] += int(count)
    return stacks


def tree_of(stacks: Counter[tuple[str, ...]]) -> Tree:
    """Return stacks that begin alike as one."""
    tree: Tree = {}
    by_first: dict[str, Counter[tuple[str, ...]]] = {}
    for stack, count in stacks.items():
        if stack:
            by_first.setdefault(stack[0], Counter())[stack[1:]] += count
    for name, rest in by_first.items():
        tree[name] = (rest.total(), tree_of(rest))
    return tree


def drawn(stacks: Counter[tuple[str, ...]], title: str) -> str:
    """Return the flame graph as SVG."""
    total = max(stacks.total(), 1)
    boxes: list[str] = []
    depth = _draw(tree_of(stacks), 0.0, 1, total, boxes)
    height = (depth + 1) * HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<text x="2" y="12">{escape(title)}: processor time, {total:,} samples</text>\n'
        + "\n".join(boxes)
        + "\n</svg>\n"
    )


def _draw(tree: Tree, left: float, level: int, total: int, boxes: list[str]) -> int:
    """Add the boxes of a level and those below it; return the deepest level."""
    deepest = level
    for name, (count, below) in sorted(tree.items()):
        share = count / total
        if share >= LEAST:
            boxes.append(_box(name, share, left, level))
            deepest = max(deepest, _draw(below, left, level + 1, total, boxes))
        left += share * WIDTH
    return deepest


def _box(name: str, share: float, left: float, level: int) -> str:
    module, _, function = name.partition(":")
    width = share * WIDTH
    shown = function[: max(0, int(width / 6.2))]
    colour = _COLOURS.get(module.partition(".")[0], "#dddddd")
    about = escape(f"{module}.{function}: {share:.1%}", quote=True)
    box = (
        f'<g><title>{about}</title><rect x="{left:.1f}" y="{level * HEIGHT}" width="{width:.1f}" '
        f'height="{HEIGHT - 1}" fill="{colour}" stroke="#ffffff" stroke-width="0.5"/>'
    )
    if len(shown) > 2:
        box += f'<text x="{left + 2:.1f}" y="{level * HEIGHT + 12}">{escape(shown)}</text>'
    return box + "</g>"


def main() -> None:
    """Sample one run and write its picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.svg")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    arguments = parser.parse_args()
    shown = " ".join(os.path.basename(each) for each in arguments.arguments)
    arguments.out.write_text(drawn(sampled(arguments.arguments), f"wsanalyze {shown}"))


if __name__ == "__main__":
    main()
