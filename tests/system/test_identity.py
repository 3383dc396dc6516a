"""Names, and becoming less; what needs root is tested as root in a fork."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gunicorn.errors import ConfigError
from gunicorn.system import identity

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def in_a_fork(act: Callable[[], str]) -> str:
    """Run ``act`` in a child and give what it returns; an exception becomes its name."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = act()
        except BaseException as exc:
            said = repr(exc)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(pid, 0)
    return text


def test_names_digits_and_nothing() -> None:
    assert (identity.uid_of("root"), identity.gid_of("root")) == (0, 0)
    assert (identity.uid_of("1234"), identity.gid_of(77)) == (1234, 77)
    assert (identity.uid_of(None), identity.gid_of(None)) == (os.geteuid(), os.getegid())


def test_unknown_names_are_configuration_errors() -> None:
    with pytest.raises(ConfigError, match="No such user: 'nobody-here'"):
        identity.uid_of("nobody-here")
    with pytest.raises(ConfigError, match="No such group: 'nobody-here'"):
        identity.gid_of("nobody-here")


def test_becoming_oneself_makes_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service under a system call filter is refused even what would change nothing."""

    def refuse(*args: object) -> None:
        raise PermissionError

    for name in ("setuid", "setgid", "setgroups", "initgroups"):
        monkeypatch.setattr(os, name, refuse)
    identity.switch(os.geteuid(), os.getegid())


@as_root
def test_switch_leaves_no_group_of_root() -> None:
    def become() -> str:
        os.setgroups([0, 4, 27])
        identity.switch(65534, 65534)
        return f"{os.getresuid()} {os.getresgid()} {os.getgroups()}"

    ids = (65534,) * 3
    assert in_a_fork(become) == f"{ids} {ids} [65534]"


@as_root
def test_initgroups_of_a_number_without_account() -> None:
    def become() -> str:
        identity.switch(54321, 54321, initgroups=True)
        return f"{os.getuid()} {os.getgroups()}"

    assert in_a_fork(become) == "54321 [54321]"


@as_root
def test_group_alone_can_be_changed() -> None:
    def become() -> str:
        identity.switch(0, 65534)
        return f"{os.getuid()} {os.getgid()} {os.getgroups()}"

    assert in_a_fork(become) == "0 65534 [65534]"


def held() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line[3:6]: int(line[7:], 16) for line in lines if line.startswith("Cap")}


@as_root
def test_ambient_capability_is_dropped() -> None:
    """As a site on port 80 has it: CAP_NET_BIND_SERVICE of an unprivileged user."""

    def become() -> str:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        bind = 1 << 10
        assert libc.prctl(8, 1, 0, 0, 0) == 0  # PR_SET_KEEPCAPS
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)(bind, bind, bind, 0, 0, 0)
        assert libc.capset(header, sets) == 0
        assert libc.prctl(47, 2, 10, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE
        before = held()
        assert all(before[name] == bind for name in ("Inh", "Prm", "Eff", "Amb")), before
        identity.drop_capabilities()
        after = held()
        return str({name: after[name] for name in ("Inh", "Prm", "Eff", "Amb")})

    assert in_a_fork(become) == str({"Inh": 0, "Prm": 0, "Eff": 0, "Amb": 0})


@as_root
def test_root_keeps_what_makes_it_root() -> None:
    def become() -> str:
        identity.drop_capabilities()
        return str(held()["Eff"] != 0)

    assert in_a_fork(become) == "True"
