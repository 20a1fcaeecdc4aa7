"""Rights: how to get those that capturing needs, and how to drop them.

Knows users and capabilities of Linux. Must not know captures. Used by live, and by the
command line as soon as the sockets are open.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shlex
import struct
import sys
from pathlib import Path

from analyzer.errors import CaptureAccessError, OptionError
from analyzer.lazy_dataclass import dataclass

NOBODY = "nobody"
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_NO_NEW_PRIVS = 38


def not_permitted(name: str) -> CaptureAccessError:
    """Return the error for missing rights to capture: one line that says how to be allowed to."""
    # Rights belong to the binary: a link, as a virtual environment has it, holds none.
    binary = shlex.quote(os.path.realpath(sys.executable))
    return CaptureAccessError(
        f"no right to capture on {name}",
        hint=f"sudo setcap cap_net_raw,cap_net_admin+eip {binary} (for all that runs by it), "
        f"or sudo wsanalyze live {shlex.quote(name)}, or docker run --cap-add NET_RAW, "
        "or sudo tcpdump -w - -U tcp | wsanalyze live -",
    )


@dataclass(frozen=True, slots=True)
class User:
    """The user that the analysis runs as."""

    name: str
    uid: int
    gid: int


def target(asked: str | None) -> User | None:
    """Return the user to become; None: stay.

    Args:
        asked: a user's name or number; None: the user who called sudo, else "nobody".

    Raises:
        OptionError: There is no such user, or only root may become another.
    """
    if os.geteuid() != 0:
        if asked is not None and _user(asked).uid != os.geteuid():
            raise OptionError(f"only root can go on as {asked}")
        return None
    if asked is not None:
        user = _user(asked)
        return user if user.uid else None
    user = _caller() or _user(NOBODY)
    return user if _is_mapped(user.uid) else None


def drop(user: User) -> None:
    """Become `user` for good.

    Raises:
        OptionError: It is not possible; nothing may go on then.
    """
    try:
        # In this order: without root neither groups nor group can be changed.
        os.setgroups(os.getgrouplist(user.name, user.gid))
        os.setgid(user.gid)
        os.setuid(user.uid)
    except OSError as error:
        raise OptionError(
            f"cannot go on as {user.name}: {error.strerror}", hint="--user root stays root"
        ) from error
    if _can_come_back():
        raise OptionError(f"root's rights stay after becoming {user.name}")
    give_up_capabilities()


def give_up_capabilities() -> None:
    """Lose what setcap gave, or what root of a user namespace has; programs started get none."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        head = ctypes.create_string_buffer(struct.pack("=II", _CAPABILITY_VERSION_3, 0))
        libc.capset(head, ctypes.create_string_buffer(24))


def _can_come_back() -> bool:
    try:
        os.setuid(0)
    except PermissionError:
        return 0 in (*os.getresuid(), *os.getresgid())
    return True


def _caller() -> User | None:
    """Return the user who called sudo."""
    number = os.environ.get("SUDO_UID", "")
    if not number.isdigit() or number == "0":
        return None
    with contextlib.suppress(OptionError):
        return _user(number)
    return None


def _user(asked: str) -> User:
    try:
        found = pwd.getpwuid(int(asked)) if asked.isdigit() else pwd.getpwnam(asked)
    except (KeyError, OverflowError) as error:
        raise OptionError(
            f"there is no user {asked}", hint="--user takes a name or a number"
        ) from error
    return User(found.pw_name, found.pw_uid, found.pw_gid)


def _is_mapped(uid: int) -> bool:
    """Return whether there is such a user here: unshare -r makes a namespace of root alone.

    Root there is another user outside, with rights over the namespace only.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/uid_map").read_text().splitlines():
            first, _, count = map(int, line.split())
            if first <= uid < first + count:
                return True
        return False
    return True
