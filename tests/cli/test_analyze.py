"""The command line: exit status, one line per error, reports where they are asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from oracle.fake_pipeline import FakePipeline

import analyzer
from analyzer.cli import analyze, main, shared
from analyzer.errors import CaptureAccessError
from analyzer.version import __version__

ROOT = Path(__file__).parents[2]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    fake = FakePipeline()
    monkeypatch.setitem(sys.modules, "analyzer.pipeline", fake)
    monkeypatch.setattr(analyzer, "pipeline", fake, raising=False)
    return fake


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analyzer.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("pipeline")
def test_report(capsys: Captured) -> None:
    assert main.main(["x.pcap"]) == 0
    out, err = capsys.readouterr()
    assert "2 WebSocket connections" in out
    assert err == ""


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("severity", "status"), [("error", 1), ("warning", 1), ("note", 1), ("info", 1), (None, 0)]
)
def test_fail_on(severity: str | None, status: int) -> None:
    asked = [] if severity is None else ["--fail-on", severity]
    assert main.main(["x", "--quiet", *asked]) == status


def test_fail_on_without_findings(pipeline: FakePipeline) -> None:
    pipeline.rows = [rows for rows in pipeline.rows if rows.table.name != "findings"]
    assert main.main(["x", "-q", "--fail-on", "info"]) == 0


@pytest.mark.usefixtures("pipeline")
def test_tables(tmp_path: Path, capsys: Captured) -> None:
    folders = ["--csv", str(tmp_path / "c"), "--parquet", str(tmp_path / "p")]
    assert main.main(["x", *folders, "--json", str(tmp_path / "j"), "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert len(json.loads((tmp_path / "j").read_text())["messages"]) == 2
    assert len(analyzer.read_csv(tmp_path / "c").connections) == 2
    assert (tmp_path / "p" / "frames.parquet").exists()


@pytest.mark.usefixtures("pipeline")
def test_json_to_standard_output_is_alone_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.main(["x", "--json", "-"]) == 0
    assert len(json.loads(capfd.readouterr().out)["handshakes"]) == 3


@pytest.mark.usefixtures("pipeline")
def test_lists(capsys: Captured) -> None:
    assert main.main(["x", "--messages"]) == 0
    with_control = capsys.readouterr().out
    assert main.main(["x", "--messages", "--no-control"]) == 0
    without = capsys.readouterr().out
    assert "ping" in with_control
    assert "ping" not in without
    assert len(without.splitlines()) == 3
    assert main.main(["x", "--messages", "--connection", "1"]) == 0
    assert capsys.readouterr().out == "  0 of 2 messages match\n"
    assert main.main(["x", "--connection", "1"]) == 0
    assert "Connection 1" in capsys.readouterr().out


@pytest.mark.usefixtures("pipeline")
def test_where(capsys: Captured) -> None:
    assert main.main(["x", "--where", "connection == 1"]) == 0
    assert "1 WebSocket connection;" in capsys.readouterr().out


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--where", "nothing > 1"], "cannot evaluate --where"),
        (["x", "--connection", "9"], "there is no connection 9"),
        (["x", "--json", "-", "--messages"], "standard output"),
        (["x", "--csv", "/dev/null"], "is a file"),
        (["x", "--json", "/no/such/folder/x"], "No such file"),
        (["x", "--no-such-option"], "No such option"),
        (["x", "--payload", "some"], "some"),
    ],
)
def test_callers_errors_are_one_line(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main.main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert message in error


def test_error_of_the_input_removes_half_reports(
    pipeline: FakePipeline, tmp_path: Path, capsys: Captured
) -> None:
    pipeline.error = CaptureAccessError("cannot read a\x1b[31m\nb: no such file")
    assert main.main(["x", "--csv", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: cannot read a\\x1b[31m\\x0ab: no such file\n"
    assert list(tmp_path.iterdir()) == []


def test_second_report_that_cannot_be_written_removes_the_first(tmp_path: Path) -> None:
    assert main.main(["x", "--csv", str(tmp_path / "c"), "--json", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_interrupt_and_broken_pipe(pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.error = KeyboardInterrupt()
    assert main.main(["x", "-q"]) == 130
    pipeline.error = BrokenPipeError()
    monkeypatch.setattr(main, "drop_stdout", lambda: None)
    assert main.main(["x", "-q"]) == 141


def test_reader_of_standard_output_that_goes_away() -> None:
    code = (
        "import sys, types; sys.path.insert(0, 'tests');"
        "from oracle.fake_pipeline import FakePipeline;"
        "sys.modules['analyzer.pipeline'] = FakePipeline();"
        "import analyzer; analyzer.pipeline = sys.modules['analyzer.pipeline'];"
        "from analyzer.cli.main import main; sys.exit(main(['x']))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdout=broken,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (141, "")


def test_verb_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("analyzer.cli.live")
    module.run_live = lambda arguments: len(arguments)
    monkeypatch.setitem(sys.modules, "analyzer.cli.live", module)
    assert main.main(["live", "eth0", "--x"]) == 2


def test_file_named_like_a_verb(pipeline: FakePipeline) -> None:
    assert main.main(["./live", "-q"]) == 0
    assert pipeline.calls[0][0] == ["live"]


def test_version_and_help_import_nothing_slow() -> None:
    code = (
        "import sys; from analyzer.cli.main import main; main(['--version']);"
        "print(sorted({'pandas', 'pyarrow', 'scapy', 'numpy', 'rich'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == f"wsanalyze {__version__}\n[]\n"


def test_help_without_arguments() -> None:
    run = process()
    assert run.returncode == 0
    assert "--messages" in run.stdout


def test_completion_is_offered() -> None:
    shown = process(_WSANALYZE_COMPLETE="source_bash")
    assert "wsanalyze" in shown.stdout
    completed = process(
        _WSANALYZE_COMPLETE="complete_bash", COMP_WORDS="wsanalyze --no-c", COMP_CWORD="1"
    )
    assert "--no-control" in completed.stdout


def test_long_input_without_compiled_kernels_says_so_once(
    pipeline: FakePipeline, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = types.ModuleType("analyzer.packets._walk")
    kernel.__file__ = "analyzer/packets/_walk.py"
    monkeypatch.setitem(sys.modules, "analyzer.packets._walk", kernel)
    files = [tmp_path / name for name in ("a.pcap", "b.pcap")]
    for file in files:
        file.touch()
    assert main.main([*map(str, files), "-q"]) == 0
    note = capsys.readouterr().err
    assert note.startswith("note: the kernels are not compiled, so that this takes about 110 times")
    assert note.count("\n") == 1
    monkeypatch.setattr("analyzer.cli.shared.kernels_are_compiled", lambda: False)
    assert main.main(["--version"]) == 0
    assert "(the kernels are not compiled" in capsys.readouterr().out
    assert len(pipeline.calls) == 1


@pytest.mark.usefixtures("pipeline")
def test_compiled_kernels_are_not_complained_about(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in shared.uncompiled_kernels():
        monkeypatch.delitem(sys.modules, name)
    kernel = types.ModuleType("analyzer.packets._walk")
    kernel.__file__ = "analyzer/packets/_walk.abi3.so"
    monkeypatch.setitem(sys.modules, "analyzer.packets._walk", kernel)
    assert shared.uncompiled_kernels() == []


def test_terminal_report_needs_no_slow_import() -> None:
    code = (
        "import sys; from analyzer.cli import main; "
        "main.main(['captures/npm-ws-pings.pcap', '-q']); "
        "print(sorted({'pandas', 'pyarrow', 'scapy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_completion_is_for_the_shell_that_asks() -> None:
    # It is found among the parents. A command behind it keeps bash from becoming the program.
    asked = f"{sys.executable} -m analyzer.cli.main --show-completion && true"
    done = subprocess.run(
        ["bash", "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "_WSANALYZE_COMPLETE=complete_bash" in done.stdout
    assert "complete -o default" in done.stdout


def test_a_fault_of_its_own_is_one_line(monkeypatch, capsys):
    def faulty(*_: object) -> int:
        raise RuntimeError("of its own")

    monkeypatch.setattr(analyze, "run", faulty)
    monkeypatch.delenv("WSANALYZE_DEBUG", raising=False)
    assert main.main(["some.pcap"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: a fault of wsanalyze itself: RuntimeError: of its own; ")
    assert "Traceback" not in error
    monkeypatch.setenv("WSANALYZE_DEBUG", "1")
    assert main.main(["some.pcap"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert "RuntimeError: of its own" in shown


# --- against plain HTTP


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], {"poll_intervals_s": (1.0,), "clients": (), "long_poll_hold_s": 30.0}),
        (["--interval", "0.5,1"], {"poll_intervals_s": (0.5, 1.0)}),
        (["--interval", "0.5, 1", "--interval", "5,1"], {"poll_intervals_s": (0.5, 1.0, 5.0)}),
        (["--clients", "1000", "--clients", "10000,100"], {"clients": (1000, 10_000, 100)}),
        (["--hold", "20"], {"long_poll_hold_s": 20.0}),
        (["--buffered", "4096,0.5"], {"buffered": (4096, 0.5)}),
        ([], {"buffered": None}),
        (["--no-keep-alive"], {"keep_alive": False}),
        (["--no-alternatives"], {"alternatives": False, "keep_alive": True}),
    ],
)
def test_model_options(
    pipeline: FakePipeline, arguments: list[str], wanted: dict[str, object]
) -> None:
    assert main.main(["x", "-q", *arguments]) == 0
    ((_, options, _),) = pipeline.calls
    assert {name: getattr(options, name) for name in wanted} == wanted


TOO_MANY = ",".join(map(str, range(1, 18)))


@pytest.mark.parametrize("option", ["--interval", "--clients", "--hold"])
@pytest.mark.parametrize(
    "value", ["0", "-1", "nan", "inf", "x", "", ",", "1,,2", "1e30", "1;2", TOO_MANY, "1\n2"]
)
def test_model_options_that_make_no_sense(
    pipeline: FakePipeline, capsys: Captured, option: str, value: str
) -> None:
    assert main.main(["x", f"{option}={value}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert option in err
    assert "fault of wsanalyze" not in err
    assert pipeline.calls == []


@pytest.mark.usefixtures("pipeline")
def test_clients_are_whole(capsys: Captured) -> None:
    assert main.main(["x", "--clients", "1.5"]) == 2
    assert "whole numbers" in capsys.readouterr().err


def test_options_of_a_python_program_are_checked_alike() -> None:
    with pytest.raises(analyzer.OptionError, match="--interval"):
        analyzer.analyze("captures/empty.pcap", poll_intervals_s=(0,))


def test_a_wrong_condition_leaves_no_reports(tmp_path: Path, capsys: Captured) -> None:
    out = [f"--{kind}={tmp_path / kind}" for kind in ("csv", "parquet", "json", "html", "har")]
    capture = str(ROOT / "captures" / "tomcat-chat.pcap")
    assert main.main([capture, "--where", "no_column > 3", *out]) == 2
    assert "no column 'no_column'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_how_many_processes_work_is_decided_once(
    pipeline: FakePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is idle differs from one look to the next."""
    looks: list[int] = []

    def fitting(files: object, reports: int) -> int:
        looks.append(reports)
        return 1

    monkeypatch.setattr("analyzer.jobs.cores.fitting", fitting)
    assert main.main([str(tmp_path), "--csv", str(tmp_path / "tables"), "--quiet"]) == 0
    assert looks == [1]
