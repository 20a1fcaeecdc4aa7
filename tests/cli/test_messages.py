"""The verb messages: find, show, save; and --messages, its short form.

Expected numbers of captures/socket-io-room.pcap are those of its manifest and its programs' log.
"""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import pytest

from analyzer import analysis
from analyzer.cli import main, messages

CAPTURE = str(Path(__file__).parents[2] / "captures" / "socket-io-room.pcap")
Captured = pytest.CaptureFixture[str]


def told(capsys: Captured, *arguments: str, status: int = 0) -> str:
    assert main.main(list(arguments)) == status
    out, err = capsys.readouterr()
    assert bool(err) == (status == 2)
    return out if status != 2 else err


def lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if ":" in line and "match" not in line]


def test_list_has_every_message_and_control_frame(capsys: Captured) -> None:
    everything = lines(told(capsys, "messages", CAPTURE))
    no_control = lines(told(capsys, "messages", CAPTURE, "--no-control"))
    assert (
        sum(" ping " in line or " pong " in line or " close " in line for line in no_control) == 0
    )
    assert len(everything) > len(no_control) > 100


def test_filters_say_how_many_match(capsys: Captured) -> None:
    out = told(capsys, "messages", CAPTURE, "--where", "name == 'join'", "--sent-by", "client")
    assert out.rstrip().endswith("match")
    assert len(lines(out)) == 3  # one of each client
    assert "0 of 111 messages match" in told(capsys, "messages", CAPTURE, "--grep", "no such text")
    assert "0 of 111 messages match" in told(capsys, "messages", CAPTURE, "--larger", "1M")


def test_short_form_takes_the_same_options(capsys: Captured) -> None:
    long = told(capsys, "messages", CAPTURE, "--grep", "kitchen", "--top", "3")
    assert told(capsys, CAPTURE, "--messages", "--grep", "kitchen", "--top", "3") == long
    assert told(capsys, "--messages", "--grep", "kitchen", CAPTURE, "--top", "3") == long


def test_condition_over_connections(capsys: Captured) -> None:
    whole = told(capsys, "messages", CAPTURE, "--no-control")
    both = "server_port > 0 and payload_bytes >= 0"
    filtered = told(capsys, "messages", CAPTURE, "--no-control", "--where", both)
    assert filtered == whole
    assert "0 of 111" in told(capsys, "messages", CAPTURE, "--where", "server_port == 1")


def test_one_message_whole(capsys: Captured) -> None:
    out = told(capsys, "messages", CAPTURE, "--message", "0:5")
    assert '  "join",\n  "kitchen"\n' in out
    assert "00000000  34 32 30 5b" in told(
        capsys, "messages", CAPTURE, "--message", "0:5", "--as", "hex"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--message", "0:999"], "there is no message 0:999; the input holds 111 messages"),
        (["--message", "12"], "connection:message"),
        (["--larger", "big"], "10k or 1M"),
        (["--where", "user == 1"], "no column 'user'; columns: connection, message"),
        (["--json", "-"], "standard output"),
    ],
)
def test_errors(arguments: list[str], said: str, capsys: Captured) -> None:
    err = told(capsys, "messages", CAPTURE, *arguments, status=2)
    assert said in err
    assert err.count("\n") == 1


def test_save(tmp_path: Path, capsys: Captured) -> None:
    out = told(capsys, "messages", CAPTURE, "--grep", "kitchen", "--save", str(tmp_path / "p"))
    with (tmp_path / "p" / "index.csv").open(newline="") as file:
        index = list(csv.DictReader(file))
    assert f"wrote {len(index)} payloads" in out
    assert index
    for row in index:
        payload = (tmp_path / "p" / row["file"]).read_bytes()
        assert b"kitchen" in payload
        assert len(payload) == int(row["payload_bytes"])


def test_reports_hold_the_messages_that_match(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "csv"
    told(capsys, "messages", CAPTURE, "--grep", "kitchen", "--csv", str(folder), "-q")
    with (folder / "messages.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert 0 < len(found) < 111
    with (folder / "connections.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


@pytest.mark.parametrize(
    ("policy", "payloads", "previews"),
    [(None, False, True), ("none", False, False), ("full", True, True)],
)
def test_reports_hold_as_much_payload_as_they_are_told_to(
    tmp_path: Path, capsys: Captured, policy: str | None, payloads: bool, previews: bool
) -> None:
    """A search looks at whole payloads; what it writes is another matter."""
    asked = [] if policy is None else ["--payload", policy]
    found = ("messages", CAPTURE, "--grep", "kitchen", "--csv", str(tmp_path / "csv"), "-q")
    told(capsys, *found, *asked)
    with (tmp_path / "csv" / "messages.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {bool(row["payload"]) for row in rows} == {payloads}
    assert {bool(row["payload_preview"]) for row in rows} == {previews}


@pytest.mark.parametrize("broken", ["save", "file", "where"])
def test_what_cannot_be_done_leaves_nothing_behind(
    tmp_path: Path, capsys: Captured, broken: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "save": [CAPTURE, "--save", str(tmp_path / "full")],
        "file": [str(tmp_path / "no-such.pcap"), "--save", str(tmp_path / "new")],
        "where": [CAPTURE, "--where", "server_port == 'x' + payload_bytes"],
    }[broken]
    reports = ["--csv", str(tmp_path / "csv"), "--json", str(tmp_path / "x.json")]
    told(capsys, "messages", *arguments, *reports, status=2)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "expected"), [("1000", 1000), ("10k", 10_000), ("1MB", 1_000_000), (" 2 g", 2 * 10**9)]
)
def test_sizes(text: str, expected: int) -> None:
    assert messages._bytes(text) == expected


def test_standard_input_is_kept_only_for_a_second_reading(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe from tcpdump is listed while it grows."""
    kept: list[object] = []

    def read_twice(paths: object) -> contextlib.AbstractContextManager[object]:
        kept.append(paths)
        return contextlib.nullcontext(lambda: None)

    monkeypatch.setattr(analysis, "read_twice", read_twice)
    told(capsys, "messages", CAPTURE, "--where", "payload_bytes > 1")
    assert kept == []
    told(capsys, "messages", CAPTURE, "--where", "server_port > 1")
    assert len(kept) == 1
