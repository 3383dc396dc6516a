from __future__ import annotations

from gunicorn.sites import become
from tests.sites.conftest import GOOD, Machine


def test_what_means_less_without_systemd_is_said(machine: Machine) -> None:
    site = machine.site(
        GOOD
        + '[limits]\nmemory_max = "1G"\ncpu_quota = "50%"\nnofile = 512\n[sandbox]\njit = true\n'
    )
    assert [line.removeprefix(f"{site.path}:") for line in become.differences(site)] == [
        "4: limits.memory_max: without systemd it bounds the address space of each process, "
        "not the memory of all together",
        "5: limits.cpu_quota: without systemd it has no effect: limit the container instead",
        "8: sandbox: there is none without systemd, jit is granted",
    ]
    closed = GOOD + '[sandbox]\njit = false\nhome = "hidden"\n'
    assert become.differences(machine.site(closed)) == []


def test_check_says_it_where_there_is_no_systemd(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD + '[limits]\ncpu_quota = "50%"\n')
    status, out, err = ctl("check")
    assert (status, out) == (0, ["shop: ok"])
    assert err[0].startswith("warning: ")
    assert "limit the container" in err[0]


def test_numbers_of_limits() -> None:
    assert become.parse_limit("2K") == 2048
    assert become.parse_limit("512") == 512
    assert 0 < become.parse_limit("50%") < become.parse_limit("100%")
    assert become.parse_limit("infinity") == -1
