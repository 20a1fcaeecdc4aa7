"""The files that are sent to others, in a real browser: --html opened, --har imported.

Skipped, with a word, where chromium, its driver or selenium is missing; tests/run installs them.
One browser opens each page once: all that is asked of a page is asked there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle.chromium import chromium, complaints, imported, opened
from oracle.rows import Row, table_rows

from analyzer.cli import main
from analyzer.report.html.writer import HtmlWriter
from analyzer.tables import schema

CAPTURES = Path(__file__).parents[1] / "captures"
START = 1_767_323_045_000_000_000
EVIL = (
    "<script>document.title='hacked'</script>",
    "</script><img src=x onerror=\"document.title='hacked'\">",
    "\u202etxt.exe\u2066",
    "a\0b\x1b[31m",
    "x" * 10_000_000,
    "{{ 7 * 7 }} ${7*7} javascript:alert(1)",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "x.html"
    assert main.main([str(CAPTURES / "socket-io-room.pcap"), "--html", str(path), "-q"]) == 0
    return path


class Table:
    """One table of an open page."""

    def __init__(self, driver: Any, name: str) -> None:
        self.driver = driver
        self.at = f"#table-{name}"

    def column(self, name: str) -> list[str]:
        script = """
        const [at, name] = arguments, table = document.querySelector(at + ' table');
        const heads = [...table.tHead.rows[0].cells]
          .map((c) => c.textContent.replace(/ [▲▼]$/, ''));
        return [...table.tBodies[0].rows].filter((r) => r.className !== 'detail')
          .map((r) => r.cells[heads.indexOf(name)].textContent);"""
        found: list[str] = self.driver.execute_script(script, self.at, name)
        return found

    def press(self, name: str) -> None:
        script = """
        const [at, name] = arguments;
        [...document.querySelectorAll(at + ' th button')]
          .find((b) => b.textContent.startsWith(name)).click();"""
        self.driver.execute_script(script, self.at, name)

    def search(self, text: str) -> str:
        """Type into the search; return what is said of the rows."""
        script = """
        const [at, text, done] = arguments, input = document.querySelector(at + ' input');
        input.value = text; input.dispatchEvent(new Event('input'));
        setTimeout(() => done(document.querySelector(at + ' [role=status]').textContent), 400);"""
        said: str = self.driver.execute_async_script(script, self.at, text)
        return said


def test_page_opens_without_a_complaint(browser: Any, page: Path) -> None:
    opened(browser, page)
    assert complaints(browser) == []
    titles = browser.execute_script(
        "return [...document.querySelectorAll('h2')].map((h) => h.textContent)"
    )
    assert titles[0] == "What stands out"
    assert {"Connections over time", "How long things took", "Calls", "Messages"} <= set(titles)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= browser.execute_script("return window.innerWidth")


def test_tables_sort_search_filter_and_open(browser: Any, page: Path) -> None:
    opened(browser, page)
    messages = Table(browser, "messages")
    assert messages.column("time_first") == sorted(messages.column("time_first"))
    messages.press("payload_bytes")  # numbers: the largest first
    assert messages.column("payload_bytes")[0].endswith(" kB")
    assert messages.column("payload_bytes")[-1].endswith(" B")
    messages.press("name")
    assert messages.search("kitchen").endswith("that match of 111")
    assert all("kitchen" in each for each in messages.column("payload_preview"))
    assert messages.search("name:chat payload_bytes>10").startswith("1 to 36 of 36 that match")
    assert messages.search("no such text anywhere") == "0 of 111"
    messages.search("")
    script = """
    const row = document.querySelector('#table-messages tbody tr');
    row.focus(); row.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    const detail = row.nextSibling.textContent;
    row.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
    return [detail, document.activeElement.className, document.activeElement.tagName];"""
    detail, name, tag = browser.execute_script(script)
    assert "payload_preview" in detail
    assert "tcp_stream" in detail
    assert (name, tag) == ("", "TR")


def test_wireshark_filter_is_copied(browser: Any, page: Path) -> None:
    opened(browser, page)
    script = """
    const done = arguments[arguments.length - 1];
    document.querySelector('#table-calls td.act button').click();
    setTimeout(() => done(document.getElementById('said').textContent), 200);"""
    # The first call, join, is asked in packet 47 and answered in 48.
    said = browser.execute_async_script(script)
    assert said.startswith("Copied: frame.number >= 47 && frame.number <= ")


def test_one_tab_stop_a_table_and_arrow_keys_within(browser: Any, page: Path) -> None:
    """Real keys: Tab reaches a row and its button, arrows and End choose the row, Enter opens."""
    from selenium.webdriver.common.keys import Keys

    opened(browser, page)
    shown = "return [...document.querySelectorAll('#table-messages tbody [tabindex=\"0\"]')].length"
    assert browser.execute_script(shown) == 2
    browser.execute_script("document.querySelector('#table-messages tbody tr').focus()")
    where = """const at = document.activeElement, row = at.closest('tr');
    return [row && row.row, at.tagName];"""

    def press(*keys: str) -> list[Any]:
        browser.switch_to.active_element.send_keys(*keys)
        found: list[Any] = browser.execute_script(where)
        return found

    assert press(Keys.ARROW_DOWN) == [1, "TR"]
    assert press(Keys.TAB) == [1, "BUTTON"]
    assert browser.execute_script(shown) == 2
    browser.execute_script("document.activeElement.closest('tr').focus()")
    assert press(Keys.END) == [49, "TR"]
    assert press(Keys.HOME) == [0, "TR"]
    press(Keys.ENTER)
    assert browser.execute_script("return document.activeElement.ariaExpanded") == "true"
    assert press(Keys.TAB, Keys.TAB)[0] is None  # out of the table


def test_paper_is_white_and_wide_enough(page: Path) -> None:
    """A page shown dark, as the printer gets it: A4 within its margins, 186 mm (703 px)."""
    with chromium(703, dark=True) as driver:
        opened(driver, page)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        driver.execute_script("dispatchEvent(new Event('beforeprint'))")
        style = "return getComputedStyle(document.documentElement).getPropertyValue('--page')"
        assert driver.execute_script(style).strip() == "#ffffff"
        wide = """return [...document.querySelectorAll('main *')].filter((e) => !e.closest('svg'))
          .map((e) => e.getBoundingClientRect()).filter((b) => b.width && b.right > 704).length"""
        assert driver.execute_script(wide) == 0
        hidden = "return document.querySelector('#table-messages input').offsetParent"
        assert driver.execute_script(hidden) is None
        driver.execute_script("dispatchEvent(new Event('afterprint'))")
        assert complaints(driver) == []


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1200, True)])
def test_narrow_and_dark(page: Path, width: int, dark: bool) -> None:
    with chromium(width, dark=dark) as driver:
        opened(driver, page)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert complaints(driver) == []
        colour = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (colour == "rgb(255, 255, 255)") is not dark


def test_hostile_text_is_shown_as_text(browser: Any, tmp_path: Path) -> None:
    writer = HtmlWriter(tmp_path / "x.html")
    for number, text in enumerate(EVIL):
        connection: Row = {"connection": number, "tcp_stream": number, "path": text, "host": text}
        connection |= {"opened_at": START + number, "closed_at": START + 10**9, "wire_bytes": 1}
        connection |= {"client_messages": 1, "server_messages": 0, "close_reason": text}
        message: Row = {"connection": number, "message": 0, "direction": "client", "type": "text"}
        message |= {"time_first": START + number, "payload_preview": text, "name": text}
        call: Row = {"call": number, "name": text, "inner": text, "reply_us": 5, "outcome": "ok"}
        call["caller"] = "client"
        finding: Row = {"id": text, "severity": "error", "text": text, "count": 1}
        for table, row in (
            *(("connections", connection), ("messages", message), ("calls", call)),
            ("findings", finding),
        ):
            writer.write(table_rows(schema.BY_NAME[table], [row]))
    writer.close()
    opened(browser, tmp_path / "x.html")
    assert complaints(browser) == []
    assert "hacked" not in browser.title
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    shown = Table(browser, "messages").column("payload_preview")
    assert shown[:2] == list(EVIL[:2])
    assert shown[2] == "\\u202etxt.exe\\u2066"
    assert shown[3] == "a\\x00b\\x1b[31m"
    assert shown[4].startswith("xxx")
    assert len(shown[4]) < 400
    assert shown[5] == EVIL[5]
    assert (tmp_path / "x.html").stat().st_size < 500_000


def test_har_files_go_through_the_importer_of_devtools(tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    captures = [str(CAPTURES / name) for name in ("socket-io-room.pcap", "chat-long-poll.pcap")]
    assert main.main([*captures, "--har", str(path), "-q"]) == 0
    found = imported(path.read_text("utf-8"))
    sockets = [each for each in found if each["type"] == "websocket"]
    assert [each["status"] for each in sockets] == [101, 101, 101]
    frames = [frame for each in sockets for frame in each["frames"]]
    # 111 messages, a ping or close of each side among the rest: none is dropped.
    assert sum(frame["opcode"] in (1, 2) for frame in frames) == 111
    assert any(frame["text"] == '420["join","kitchen"]' for frame in frames)
    assert {frame["type"] for frame in frames} == {"send", "receive"}
    assert len(found) > len(sockets)
