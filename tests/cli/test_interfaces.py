"""The verb `interfaces`."""

import json
import subprocess
import sys

from analyzer.cli.interfaces import run_interfaces


def test_loopback_and_all_of_them_are_listed(capsys):
    assert run_interfaces(["--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["interfaces"]}
    assert rows["lo"]["link"] == "loopback"
    assert rows["any"]["note"]


def test_what_is_no_terminal_gets_json():
    command = [sys.executable, "-m", "analyzer.cli.main", "interfaces"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["interfaces"]
