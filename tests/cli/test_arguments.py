"""Options that verbs share mean the same and are explained in each of them."""

import subprocess
import sys

import pytest

from analyzer.cli import arguments
from analyzer.cli.analyze_arguments import app

OPTIONS = {
    name: value.__metadata__[0]
    for name, value in vars(arguments).items()
    if hasattr(value, "__metadata__")
}


def test_there_are_options():
    assert {"Keys", "Where", "Quiet", "FailOn"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_explained(name):
    assert OPTIONS[name].help.rstrip().endswith(".")


@pytest.mark.parametrize("given", [["x", "--payload", "some"], ["x", "--hold", "long"]])
def test_a_value_that_is_none_is_refused(given):
    with pytest.raises(Exception, match=r"some|long") as raised:
        app(given, prog_name="wsanalyze", standalone_mode=False)
    assert hasattr(raised.value, "format_message")


def test_options_need_nothing_of_the_analysis():
    code = (
        "import sys, analyzer.cli.arguments;"
        "print([name for name in ('numpy', 'rich', 'analyzer.pipeline') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
