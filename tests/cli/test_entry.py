"""The entry: Ctrl-C at any moment of the start gives no traceback."""

import signal
import subprocess
import sys

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
