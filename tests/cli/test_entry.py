"""The entry: Ctrl-C at any moment of the start gives no traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import importlib.abc, os, signal, sys

class Interrupts(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == when:
            os.kill(os.getpid(), signal.SIGINT)

when = sys.argv[1]
sys.argv[1:] = ["live", "lo", "--for", "1s"]
sys.meta_path.insert(0, Interrupts())
from analyzer.cli import entry
sys.exit(entry.main())
"""


def interrupted(name):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_an_interrupt_while_the_command_line_is_imported():
    assert interrupted("analyzer.cli.verbs") == (-signal.SIGINT, "")


def test_an_interrupt_while_a_verb_is_imported():
    status, err = interrupted("analyzer.live.watch")
    assert status == 130
    assert "Traceback" not in err
    assert "fault" not in err


def run_closed(closed, *arguments):
    """Run the command line with some standard streams closed."""
    code = "import sys; from analyzer.cli.entry import main; sys.exit(main())"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


CAPTURE = str(Path(__file__).parents[2] / "captures" / "chat-websocket.pcap")


@pytest.mark.parametrize("arguments", [["--version"], [CAPTURE], [CAPTURE, "--jobs", "3"]])
def test_a_report_for_a_closed_output_is_an_error(arguments):
    said = "error: cannot write standard output: Bad file descriptor\n"
    assert run_closed(">&-", *arguments) == (2, said)


def test_a_closed_input_is_an_empty_one():
    status, err = run_closed("<&-", "-", "--jobs", "3")
    assert status == 2
    assert "standard input is empty" in err


def test_reports_do_not_need_standard_streams(tmp_path):
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    for folder, closed in ((whole, ""), (bare, "<&- >&- 2>&-")):
        asked = ["--quiet", "--jobs", "4", "--csv", str(folder)]
        assert run_closed(closed, CAPTURE, *asked) == (0, "")
    names = sorted(each.name for each in whole.iterdir())
    assert names
    assert names == sorted(each.name for each in bare.iterdir())
    assert all((whole / each).read_bytes() == (bare / each).read_bytes() for each in names)
