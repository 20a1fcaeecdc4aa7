"""Rights: what who lacks them is told, and that root's are gone for good."""

import os
import pwd
import subprocess
import sys

import pytest

from analyzer.capture import privileges
from analyzer.errors import OptionError

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

BECOME = """
import os, sys, threading
from analyzer import options
from analyzer.cli import analyze, main
from analyzer.cli import live as verb
from analyzer.live import run, watch
from analyzer.capture import live, ring, privileges
from analyzer.report import wording
os.setgroups([]); os.setgid({gid}); os.setuid({uid})
sys.exit(main.main({arguments!r}))
"""
DROP = """
import os
from analyzer.capture import privileges
privileges.drop(privileges.target({asked!r}))
print(os.getresuid(), os.getresgid(), sorted(set(os.getgroups())))
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")][:4])
for again in (os.setuid, os.seteuid, os.setgid):
    try:
        again(0)
        print("came back")
    except PermissionError:
        pass
"""


def python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@root
def test_without_rights_one_line_says_how_to_get_them():
    nobody = pwd.getpwnam("nobody")
    arguments = ["live", "lo", "--for", "1s"]
    done = python(BECOME.format(uid=nobody.pw_uid, gid=nobody.pw_gid, arguments=arguments))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: no right to capture on lo; sudo setcap cap_net_raw")
    # Who may not look into the folder sees no links there.
    assert f"{os.path.dirname(os.path.realpath(sys.executable))}/python3" in line
    for way in ("sudo wsanalyze live lo", "docker run --cap-add NET_RAW", "tcpdump -w -"):
        assert way in line


@root
@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (None, {"SUDO_UID": ""}, "nobody"),
        (None, {"SUDO_UID": str(pwd.getpwnam("nobody").pw_uid)}, "nobody"),
        (None, {"SUDO_UID": "1"}, pwd.getpwuid(1).pw_name),
        ("2", {"SUDO_UID": "1"}, pwd.getpwuid(2).pw_name),
        ("nobody", {}, "nobody"),
    ],
)
def test_root_is_gone_for_good(asked, environment, expected):
    user = pwd.getpwnam(expected)
    done = python(DROP.format(asked=asked), **environment)
    assert done.stderr == ""
    ids, capabilities = done.stdout.splitlines()
    groups = sorted(set(os.getgrouplist(user.pw_name, user.pw_gid)))
    assert ids == f"{(user.pw_uid,) * 3} {(user.pw_gid,) * 3} {groups}"
    assert capabilities == str(["0" * 16] * 3 + capabilities.split("'")[7:8])


@root
def test_root_on_request():
    assert privileges.target("root") is None
    assert privileges.target("0") is None


def test_unknown_users_are_refused():
    for asked in ("no-such-user", str(2**70)):
        with pytest.raises(OptionError, match="there is no user"):
            privileges.target(asked)


def test_only_root_becomes_another(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert privileges.target(None) is None
    assert privileges.target("1") is None
    with pytest.raises(OptionError, match="only root"):
        privileges.target("root")


def test_a_way_back_is_an_error(monkeypatch):
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda _: None)
    with pytest.raises(OptionError, match="rights stay"):
        privileges.drop(privileges.User("nobody", 65534, 65534))

    def refuse(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgid", refuse)
    with pytest.raises(OptionError, match="cannot go on as nobody"):
        privileges.drop(privileges.User("nobody", 65534, 65534))


@pytest.mark.parametrize(
    ("content", "user"),
    [("0 0 4294967295", "nobody"), ("0 1000 1", None), ("0 100000 65536", "nobody")],
)
def test_in_a_namespace_of_root_alone_there_is_none_to_become(monkeypatch, content, user):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "")
    monkeypatch.setattr(privileges.Path, "read_text", lambda _: content + "\n")
    found = privileges.target(None)
    assert (None if found is None else found.name) == user


def test_in_a_namespace_of_an_ordinary_user():
    command = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces are not allowed here")
    wsanalyze = f"{sys.executable} -m analyzer.cli.main"
    run = f"ip link set lo up; exec {wsanalyze} live lo --no-screen --for 300ms"
    done = subprocess.run([*command, "sh", "-c", run], capture_output=True, text=True, check=False)
    (ready,) = done.stderr.splitlines()
    assert (done.returncode, ready[:26]) == (0, "wsanalyze: capturing on lo")
    assert "0 TCP connections" in done.stdout
