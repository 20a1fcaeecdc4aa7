"""A real browser, driven through its own driver: Debian's chromium and chromium-driver.

tests/run installs both; where one is missing, tests that need it are skipped and say so.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromedriver")
READY_S = 180.0


@contextlib.contextmanager
def chromium(
    width: int = 1200, height: int = 900, *, dark: bool = False, offline: bool = True
) -> Iterator[Any]:
    """Yield a driver of a browser without a window; it reaches no network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"no browser here: {program} is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        if dark:
            feature = {"name": "prefers-color-scheme", "value": "dark"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        if offline:
            none = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
            driver.execute_cdp_cmd("Network.enable", {})
            driver.execute_cdp_cmd("Network.emulateNetworkConditions", none)
        yield driver
    finally:
        driver.quit()


def opened(driver: Any, page: Path) -> float:
    """Open a page of --html; return the seconds until its tables are there."""
    began = time.monotonic()
    driver.get(page.as_uri())
    while not driver.execute_script("return document.documentElement.dataset.ready"):
        assert time.monotonic() < began + READY_S, driver.get_log("browser")
        time.sleep(0.02)
    return time.monotonic() - began


def complaints(driver: Any) -> list[str]:
    """Return what the browser's console has to say, refusals of the page's policy among it."""
    return [entry["message"] for entry in driver.get_log("browser")]


def picture(driver: Any, path: Path, *, most: int = 20_000) -> None:
    """Write a picture of the whole page."""
    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
    asked = {"captureBeyondViewport": True, "clip": clip}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", asked)
    path.write_bytes(base64.b64decode(taken["data"]))


_IMPORT = """
const [text, done] = arguments;
(async () => {
  const har = await import('devtools://devtools/bundled/models/har/har.js');
  const root = new har.HARFormat.HARRoot(JSON.parse(text));
  return har.Importer.Importer.requestsFromHARLog(root.log).map((request) => ({
    url: request.url(), status: request.statusCode, type: request.resourceType().name(),
    duration: request.duration,
    frames: request.frames().map((f) => (
      { type: f.type, time: f.time, text: f.text, opcode: f.opCode })),
  }));
})().then(done, (error) => done(String(error)));
"""


def imported(text: str) -> list[dict[str, Any]]:
    """Return what DevTools' own importer of HAR files makes of a file."""
    with chromium(offline=False) as driver:
        driver.get("devtools://devtools/bundled/devtools_app.html")
        found = driver.execute_async_script(_IMPORT, text)
    assert isinstance(found, list), found
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]
