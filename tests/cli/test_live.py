"""The verbs `live` and `interfaces`, as processes in namespaces with real clients and servers."""

from __future__ import annotations

import csv
import fcntl
import json
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import captures, namespaces

from analyzer.capture.source import open_capture
from analyzer.cli import main
from analyzer.tables.schema import TABLES

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
Captured = pytest.CaptureFixture[str]

TALK = """
import asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

async def echo(connection):
    async for data in connection:
        await connection.send(data)

async def talk(number):
    url = f"ws://127.0.0.1:9010/echo/{number}"
    async with connect(url, proxy=None, compression=None) as client:
        for i in range(12):
            await client.send(f"message {i} of {number} " * (1 + i * i))
            await client.recv()
        await (await client.ping())

async def main():
    async with serve(echo, "127.0.0.1", 9010, compression=None):
        for number in range(4):
            await talk(number)

asyncio.run(main())
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "analyzer.cli.main", *map(str, arguments)]


@pytest.fixture
def space() -> Iterator[namespaces.Namespace]:
    with namespaces.namespace() as made:
        yield made


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that nobody may write to."""
    folder = tmp_path_factory.mktemp("public")
    for each in (folder, *folder.parents):
        if each.owner() == "root" and each != Path("/tmp") and Path("/tmp") in each.parents:
            each.chmod(0o755)
    folder.chmod(0o777)
    return folder


def sniffs(process: subprocess.Popen[str]) -> bool:
    return namespaces.sniffs(process.pid)


AT_MOST = ("--for", "90s")
"""Beside --count: a packet that a loaded machine lost ends no run, and the comparison says so."""


def started(space: namespaces.Namespace, *arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        space.command(*command("live", *arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    space.processes.append(process)
    namespaces.wait_for(lambda: sniffs(process) or process.poll() is not None)
    return process


READY = re.compile(r"wsanalyze: (capturing on|following|reading) .*\n")


def outputs(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end; return what it wrote, without the line that says it captures."""
    out, err = process.communicate(timeout=180)
    return out, READY.sub("", err, count=1)


def ended(process: subprocess.Popen[str], *numbers: int) -> tuple[str, str]:
    for number in numbers or (signal.SIGINT,):
        process.send_signal(number)
    return outputs(process)


def catches_up(theirs: Path, own: Path) -> None:
    """Wait for tcpdump, which throws away what it has not read when it is told to end."""
    count = len(captures.packets_of(open_capture(own)))
    namespaces.wait_for(lambda: len(captures.packets_of(open_capture(theirs))) >= count)


def tables(folder: Path) -> dict[str, list[list[str]]]:
    found = {}
    for table in TABLES:
        with (folder / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        found[table.name] = [header, *sorted(rows)]
    return found


TIMES = re.compile(r"_us$|_s$|_at$|^time_|latency|per_s|rate|factor|delay")


def without_times(folder: Path) -> dict[str, list[list[str]]]:
    made = {}
    for name, (header, *rows) in tables(folder).items():
        if name in ("alternatives", "scaling"):
            continue  # a model of times
        kept = [place for place, column in enumerate(header) if not TIMES.search(column)]
        made[name] = [[header[place] for place in kept]]
        made[name] += sorted([row[place] for place in kept] for row in rows)
    return made


def analysed(path: Path, folder: Path) -> Path:
    assert main.main([str(path), "-q", "--csv", str(folder)]) == 0
    return folder


@namespaces.needed
@pytest.mark.parametrize("backend", ["ring", "scapy", "pcapy"])
def test_same_answer_as_of_the_file_that_tcpdump_wrote(
    space: namespaces.Namespace, tmp_path: Path, backend: str
) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    if backend != "ring":
        pytest.importorskip(backend)
    theirs, kept = tmp_path / "tcpdump.pcap", tmp_path / "kept.pcapng"
    tcpdump = subprocess.Popen(
        space.command("tcpdump", "-i", "lo", "-U", "-B", "65536", "-Z", "root",
                      "--time-stamp-precision=nano", "-w", theirs, "tcp"),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert tcpdump.stderr is not None
    assert any(b"listening" in line for line in tcpdump.stderr)
    process = subprocess.Popen(
        space.command(*command("live", "lo", "-q", "--csv", tmp_path / "live", "--write", kept,
                               "--user", "root", "--backend", backend)),
        cwd=ROOT,
    )  # fmt: skip
    space.processes += [process, tcpdump]
    # The file appears when the interface is open.
    namespaces.wait_for(lambda: kept.exists())
    time.sleep(0.2)
    space.run(sys.executable, "-c", TALK)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 0
    catches_up(theirs, kept)
    tcpdump.send_signal(signal.SIGINT)
    tcpdump.communicate(timeout=180)
    live, file = tmp_path / "live", analysed(theirs, tmp_path / "file")
    assert without_times(live) == without_times(file)
    assert len(tables(live)["messages"]) == 1 + 2 * 4 * 12
    # The packets that were kept give all of it, times too.
    again = tables(analysed(kept, tmp_path / "again"))
    for name, rows in tables(live).items():
        assert again[name] == rows, name


@namespaces.needed
@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "veth-ipv6.pcap", "npm-ws-aborts.pcap"])
def test_same_answer_for_a_capture_replayed_onto_a_veth(
    space: namespaces.Namespace, tmp_path: Path, name: str
) -> None:
    space.veth()
    source = CAPTURES / name
    frames, gaps = [], []
    before = None
    for batch in open_capture(source):
        data = bytes(batch.data)
        for row in batch.rows:
            frames.append(data[row["start"] : row["start"] + row["captured"]])
            gaps.append(min(0.01, (int(row["time"]) - (before or int(row["time"]))) / 1e9))
            before = int(row["time"])
    folder = tmp_path / "live"
    process = started(space, "in0", "-q", "--csv", folder, "--user", "root", "-f", "",
                      "--count", len(frames), *AT_MOST)  # fmt: skip

    def replay() -> None:
        with space.entered():
            for frame, gap in zip(frames, gaps, strict=True):
                time.sleep(max(0.0, gap))
                namespaces.send("out0", [frame])

    thread = threading.Thread(target=replay)
    thread.start()
    out, err = outputs(process)
    thread.join()
    assert (process.returncode, out, err) == (0, "", "")
    file = without_times(analysed(source, tmp_path / "file"))
    live = without_times(folder)
    for table in ("connections", "frames", "pings", "ledger"):
        assert live[table] == file[table], table


@namespaces.needed
def test_any_is_what_tcpdump_makes_of_it(space: namespaces.Namespace, tmp_path: Path) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    theirs, kept = tmp_path / "tcpdump.pcap", tmp_path / "kept.pcapng"
    tcpdump = subprocess.Popen(
        space.command("tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-U", "-B", "65536",
                      "-Z", "root", "-w", theirs, "tcp"),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    space.processes.append(tcpdump)
    assert tcpdump.stderr is not None
    assert any(b"listening" in line for line in tcpdump.stderr)
    process = started(space, "any", "-q", "--user", "root", "--write", kept)
    # tcpdump's socket is there as well, so that it says nothing.
    namespaces.wait_for(kept.exists)
    time.sleep(0.2)
    space.run(sys.executable, "-c", TALK)
    time.sleep(0.5)
    assert ended(process) == ("", "")
    catches_up(theirs, kept)
    tcpdump.send_signal(signal.SIGINT)
    tcpdump.communicate(timeout=180)
    own, other = (captures.packets_of(open_capture(path)) for path in (kept, theirs))
    assert [packet[1:] for packet in own] == [packet[1:] for packet in other]


@namespaces.needed
def test_both_ends_of_a_veth_pair(space: namespaces.Namespace, tmp_path: Path) -> None:
    space.veth()
    kept = tmp_path / "kept.pcapng"
    process = started(space, "in0", "out0", "-f", "", "-q", "--user", "root", "--write", kept,
                      "--count", "21", *AT_MOST)  # fmt: skip
    namespaces.wait_for(kept.exists)  # so are both sockets
    frames = [b"frame number %04d, long enough for a header" % number for number in range(12)]
    with space.entered():
        namespaces.send("out0", frames)
    out, err = outputs(process)
    assert (process.returncode, out, err) == (0, "", "")
    found = captures.packets_of(open_capture(kept))
    assert len(found) == 21
    assert {packet.payload for packet in found} <= set(frames)
    times = [packet.time for packet in found]
    assert times == sorted(times)
    data = kept.read_bytes()
    assert b"in0" in data
    assert b"out0" in data


@namespaces.needed
def test_report_of_what_came_until_the_interrupt(space: namespaces.Namespace) -> None:
    process = started(space, "lo", "--no-screen", "-f", "tcp port 9010")
    space.run(sys.executable, "-c", TALK)
    time.sleep(0.3)
    out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[0] == "lo"
    assert "4 WebSocket connections" in out
    assert "Findings" in out


@namespaces.needed
def test_one_line_says_that_packets_are_captured(space: namespaces.Namespace) -> None:
    process = started(space, "lo", "-q", "-f", "tcp port 9010", "--no-screen")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line == "wsanalyze: capturing on lo, filter 'tcp port 9010', by ring\n"
    assert sniffs(process)
    assert ended(process) == ("", "")


@namespaces.needed
def test_root_leaves_no_file_of_its_own(space: namespaces.Namespace, public: Path) -> None:
    process = started(
        space, "lo", "-q", "--csv", public / "c", "--parquet", public / "p", "--json",
        public / "j", "--write", public / "w.pcapng",
    )  # fmt: skip
    status = Path(f"/proc/{process.pid}/status").read_text()
    namespaces.wait_for(lambda: (public / "w.pcapng").exists())
    status = Path(f"/proc/{process.pid}/status").read_text()
    space.run(sys.executable, "-c", TALK)
    time.sleep(0.3)
    out, err = ended(process, signal.SIGTERM)
    assert (process.returncode, out, err) == (0, "", "")
    assert "CapEff:\t0000000000000000" in status
    owners = {each.owner() for each in public.rglob("*")}
    assert owners == {"nobody"}
    assert len(json.loads((public / "j").read_text())["connections"]) == 4
    assert len(tables(public / "c")["connections"]) == 5


@namespaces.needed
def test_a_folder_that_the_user_may_not_write_to(
    space: namespaces.Namespace, tmp_path: Path
) -> None:
    for asked in (["--csv", tmp_path / "x"], ["--write", tmp_path / "x"]):
        process = started(space, "lo", *asked)
        out, err = outputs(process)
        assert (process.returncode, out) == (2, "")
        (line,) = err.splitlines()
        assert "Permission denied (as user nobody)" in line
        assert "--user root" in line
    assert list(tmp_path.iterdir()) == []


@namespaces.needed
def test_a_second_interrupt_leaves_the_comparison_out(
    space: namespaces.Namespace, tmp_path: Path
) -> None:
    folder = tmp_path / "c"
    process = started(space, "lo", "-q", "--csv", folder, "--user", "root", "-f", "tcp")
    namespaces.wait_for(lambda: (folder / "ledger.csv.part").exists())
    space.run(sys.executable, "-c", TALK)
    time.sleep(0.5)
    process.send_signal(signal.SIGSTOP)  # both signals are there when it looks
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    _, err = outputs(process)
    assert process.returncode == 130
    assert "without the comparison" in err
    found = tables(folder)
    assert len(found["connections"]) == 1 + 4
    assert len(found["alternatives"]) == 1
    assert list(folder.glob("*.part")) == []


@namespaces.needed
def test_time_and_interfaces_that_go(space: namespaces.Namespace) -> None:
    space.veth()
    process = started(space, "in0", "--for", "1500ms", "--json", "-")
    space.ip("link", "set", "in0", "down")
    out, err = outputs(process)
    assert process.returncode == 0
    assert err.startswith("wsanalyze: The interface went down or away")
    found = [row["id"] for row in json.loads(out)["findings"]]
    assert found == ["capture-interface-down"]


@namespaces.needed
def test_interfaces_are_listed(space: namespaces.Namespace) -> None:
    space.veth()
    done = space.run(*command("interfaces"), capture_output=True, text=True, cwd=ROOT)
    rows = json.loads(done.stdout)["interfaces"]
    assert rows[0]["addresses"] == ["127.0.0.1/8"]
    assert {"in0", "out0"} < {row["name"] for row in rows}
    assert rows[-1]["name"] == "any"
    assert set(rows[0]) == {"name", "state", "link_type", "link", "addresses", "note"}


def test_interfaces_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    if not sys.platform.startswith("linux"):
        pytest.skip("netlink is Linux's")
    assert main.main(["interfaces"]) == 0
    out = capsys.readouterr().out
    assert "addresses" in out
    assert "127.0.0.1" in out


# --- files as live sources -------------------------------------------------------------


@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "nginx-proxy.pcapng", "cooked-sll2.pcap"])
def test_a_pipe_and_a_followed_file_give_the_tables_of_the_file(tmp_path: Path, name: str) -> None:
    expected = tables(analysed(CAPTURES / name, tmp_path / "file"))
    run = command("live", "-", "-q", "--user", "root", "--csv", tmp_path / "pipe")
    subprocess.run(run, input=(CAPTURES / name).read_bytes(), check=True, cwd=ROOT)
    assert tables(tmp_path / "pipe") == expected
    run = command("live", "--follow", CAPTURES / name, "-q", "--for", "700ms", "--csv",
                  tmp_path / "followed", "--user", "root")  # fmt: skip
    subprocess.run(run, check=True, cwd=ROOT)
    assert tables(tmp_path / "followed") == expected


@pytest.mark.parametrize(
    ("asked", "is_shown"), [((), False), (("--payload", "preview"), True), (("--json", "-"), False)]
)
def test_payload_goes_to_a_pipe_only_if_it_was_asked_for(
    tmp_path: Path, asked: tuple[str, ...], is_shown: bool
) -> None:
    source = CAPTURES / "tomcat-chat.pcap"
    run = command("live", "-", "--user", "root", "--csv", tmp_path / "c", *asked)
    done = subprocess.run(run, input=source.read_bytes(), check=True, cwd=ROOT, capture_output=True)
    with (tmp_path / "c" / "messages.csv").open(encoding="utf-8", newline="") as file:
        previews = {row["payload_preview"] for row in csv.DictReader(file)} - {""}
    assert previews  # a file of the operator's own
    if "--json" in asked:
        rows = json.loads(done.stdout)["messages"]
    else:
        rows = [
            row for row in map(json.loads, done.stdout.splitlines()) if row["event"] == "message"
        ]
    assert rows
    assert {row["payload_preview"] for row in rows} - {""} == (previews if is_shown else {None})


def test_a_key_log_that_is_not_there_yet_is_said(tmp_path: Path) -> None:
    run = command("live", "-", "-q", "--user", "root", "--keys", tmp_path / "later.keys")
    content = (CAPTURES / "npm-ws-basic.pcap").read_bytes()
    done = subprocess.run(run, input=content, check=True, cwd=ROOT, capture_output=True)
    assert f"--keys {tmp_path / 'later.keys'} is not there yet".encode() in done.stderr


@namespaces.needed
def test_a_key_log_that_the_new_user_may_not_read(
    space: namespaces.Namespace, tmp_path: Path
) -> None:
    keys = tmp_path / "own.keys"
    keys.write_text("# none yet\n")
    keys.chmod(0o600)
    process = started(space, "lo", "-q", "--keys", keys)
    _, err = outputs(process)
    assert process.returncode == 2
    assert "(as user nobody)" in err
    assert "--user root" in err


def test_what_is_kept_of_a_pipe(tmp_path: Path) -> None:
    source = CAPTURES / "nginx-proxy.pcapng"
    run = command("live", "-", "-q", "--user", "root", "--write", tmp_path / "kept.pcapng")
    subprocess.run(run, input=source.read_bytes(), check=True, cwd=ROOT)
    kept = captures.packets_of(open_capture(tmp_path / "kept.pcapng"))
    assert kept == captures.packets_of(open_capture(source))


def test_an_interrupt_in_a_pipeline(tmp_path: Path) -> None:
    content = (CAPTURES / "npm-ws-basic.pcap").read_bytes()
    with subprocess.Popen(
        command("live", "-", "--no-screen", "--user", "root"), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"wsanalyze: reading")
        process.stdin.write(content)
        process.stdin.flush()
        unread = process.stdin.fileno()
        namespaces.wait_for(lambda: fcntl.ioctl(unread, termios.FIONREAD, bytes(4)) == bytes(4))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=180)
    assert process.returncode == 0
    assert b"standard input" in out
    assert b"Opening handshakes" in out


# --- arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--follow", "x", "lo"], "takes the place of interfaces"),
        (["-q"], "no interface is named"),
        (["-", "lo"], "standard input takes the place"),
        (["lo", "--write-size", "5MB"], "need --write"),
        (["lo", "--write", "x", "--write-files", "5"], "needs --write-size"),
        (["lo", "--for", "5"], "no duration"),
        (["lo", "--count", "0"], "--count"),
        (["--follow", "/no/such"], "No such file"),
        (["no-such-interface"], "there is no interface"),
        (["lo", "--backend", "wireshark"], "--backend"),
    ],
)
def test_callers_errors_are_one_line(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main.main(["live", *arguments]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert line.startswith("error: ")
    assert message in line
