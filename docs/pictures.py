"""Makes the picture of a page of --html: `python docs/pictures.py`; needs the extra [browser].

The page is opened by the browser that tests use (tests/oracle/chromium.py), so that the picture
shows what a reader of the page gets.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAPTURE = "lossy.pcap"
PICTURE = "report.png"
HEIGHT = 1500


def main() -> None:
    """Write docs/report.png."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from oracle.chromium import chromium, opened, picture

    from analyzer.cli import main as cli

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        capture = str(ROOT / "captures" / CAPTURE)
        assert cli.main([capture, "--every", "0.1", "--html", str(page), "-q"]) == 0
        with chromium() as driver:
            opened(driver, page)
            picture(driver, ROOT / "docs" / PICTURE, most=HEIGHT)


if __name__ == "__main__":
    main()
