"""A page of --html with 100,000 messages in a browser: `python -m benchmarks.page [--rounds N]`.

Makes the page from a workload with as many messages of Socket.IO, with calls, and opens it in
chromium (extra [browser]): until its tables are there, until it is painted, and how long a search
and a sort of all messages take. The bar is 2 s to open. `--profile FILE` keeps a timeline of the
last round that the browser's DevTools load.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.workloads import calls

ROOT = Path(__file__).parents[1]
MESSAGES = 120_000  # more than the page takes

_USE = """
const [done] = arguments;
(async () => {
  const frame = () => new Promise((f) => requestAnimationFrame(() => setTimeout(f)));
  const timed = async (act) => {
    const t = performance.now();
    act();
    await frame();
    return performance.now() - t;
  };
  const host = document.querySelector('#table-messages'), input = host.querySelector('input');
  const press = (name) => () => [...host.querySelectorAll('th button')]
    .find((b) => b.textContent.startsWith(name)).click();
  const status = host.querySelector('[role=status]');
  const search = async (text) => {
    const before = status.textContent, t = performance.now();
    input.value = text; input.dispatchEvent(new Event('input'));
    while (status.textContent === before) await frame();
    return performance.now() - t;
  };
  return { text: await search('kitchen zzz'), number: await search('payload_bytes>100'),
    sort: await timed(press('payload_bytes')), name: await timed(press('name')) };
})().then(done, (error) => done(String(error)));
"""


def opened(page: Path, profile: Path | None) -> dict[str, float]:
    """Open the page in a browser of its own; return ms of each step."""
    from oracle.chromium import chromium, complaints

    with chromium() as driver:
        if profile:
            driver.execute_cdp_cmd("Profiler.enable", {})
            driver.execute_cdp_cmd("Profiler.start", {})
        begin = time.perf_counter()
        driver.get(page.as_uri())
        while not driver.execute_script("return document.documentElement.dataset.ready"):
            time.sleep(0.01)
        ready = time.perf_counter() - begin
        if profile:
            found = driver.execute_cdp_cmd("Profiler.stop", {})["profile"]
            profile.write_text(json.dumps(found))
        used: dict[str, float] | str = driver.execute_async_script(_USE)
        assert isinstance(used, dict), used
        assert complaints(driver) == []
        return {"open": 1000 * ready, **used}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", type=Path, help="a .cpuprofile of the last round's opening")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from analyzer.cli import main as cli

    workload = calls(MESSAGES, socket_io=True)
    workload.make()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        begin = time.perf_counter()
        assert cli.main([str(workload.path), "--quiet", "--html", str(page)]) == 0
        wrote = time.perf_counter() - begin
        print(f"written in {wrote:.2f} s: {page.stat().st_size / 1e6:.2f} MB")
        rounds: list[dict[str, Any]] = []
        for number in range(given.rounds):
            last = number == given.rounds - 1
            rounds.append(opened(page, given.profile if last else None))
            print(", ".join(f"{name} {took:.0f} ms" for name, took in rounds[-1].items()))
        print(
            "median: "
            + ", ".join(
                f"{name} {statistics.median(each[name] for each in rounds):.0f} ms"
                for name in rounds[0]
            )
        )


if __name__ == "__main__":
    main()
