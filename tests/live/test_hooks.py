"""Commands for events: what they are given, how many of them there are, and bad ones."""

import sys
from pathlib import Path

import pytest
from oracle import namespaces

from analyzer.errors import OptionError
from analyzer.live import hooks
from analyzer.live.hooks import Commands


def appends(path):
    script = f"import sys; open({str(path)!r}, 'ab').write(sys.stdin.buffer.read())"
    return f'{sys.executable} -S -c "{script}"'


def test_each_event_is_one_command_with_the_line_as_its_input(tmp_path):
    said = []
    commands = Commands(appends(tmp_path / "out"), said.append)
    commands.write(b'{"event":"finding"}\n{"event":"close"}\n')
    commands.flush()
    commands.end()
    commands.end()
    assert (tmp_path / "out").read_bytes() == b'{"event":"finding"}\n{"event":"close"}\n'
    assert said == []


def test_more_events_than_may_wait_are_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "END_S", 0.0)
    said = []
    commands = Commands("sleep 60", said.append)
    for number in range(hooks.MAX_WAITING + 10):
        commands.write(b"%d\n" % number)
    commands.end()
    assert len(said) == 2
    assert "faster than commands may" in said[0]
    assert "left out" in said[1]


@pytest.mark.parametrize(
    ("command", "message"),
    [("/no/such/program", "No such file"), ("false", "ended with 1")],
)
def test_a_command_that_fails_is_said_once(command, message):
    said = []
    commands = Commands(command, said.append)
    commands.write(b"1\n2\n3\n")
    namespaces.wait_for(lambda: said)
    commands.end()
    (line,) = said
    assert message in line


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "TIMEOUT_S", 1.0)
    said, started = [], tmp_path / "started"
    commands = Commands(f"sh -c 'sleep 600 & echo $! > {started}; wait'", said.append)
    commands.write(b"1\n")
    namespaces.wait_for(lambda: said)
    commands.end()
    assert "ran longer than 1 s" in said[0]
    stat = Path(f"/proc/{int(started.read_text())}/stat")
    # Gone, or dead and not yet fetched by init.
    namespaces.wait_for(lambda: not stat.exists() or stat.read_text().split()[2] == "Z")


@pytest.mark.parametrize("command", ["", "   ", "'open"])
def test_no_commands(command):
    with pytest.raises(OptionError, match="--exec"):
        Commands(command, print)
