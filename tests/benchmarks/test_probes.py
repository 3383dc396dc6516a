from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import probes

STAT = (
    "4711 ({name}) S 4700 4711 4690 0 -1 4194304 102 0 0 0 100 20 3 4 20 0 1 0 83013 3133440 412 "
    "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"
)


@pytest.mark.parametrize("name", ["gunicorn", "gunicorn: master (a b)", ") S 1 1 ("])
def test_stat_is_read_past_any_command_name(name: str) -> None:
    stat = probes.parse_stat(STAT.format(name=name))
    assert (stat.pid, stat.session) == (4711, 4690)


def test_ticks_include_user_system_and_reaped_children() -> None:
    assert probes.parse_stat(STAT.format(name="x")).ticks == 100 + 20 + 3 + 4


def test_pss_is_in_bytes() -> None:
    text = "00-ff ---p 00000000 00:00 0 [rollup]\nRss:  1808 kB\nPss:   282 kB\nPss_Anon: 90 kB\n"
    assert probes.parse_pss(text) == 282 * 1024


def test_rollup_without_pss_is_an_error() -> None:
    with pytest.raises(ValueError, match="Pss"):
        probes.parse_pss("00-ff ---p 00000000 00:00 0 [rollup]\nRss:  1808 kB\n")


BUSY_LEADER = """
import time
while time.process_time() < 0.05:  # several ticks of the kernel's accounting
    pass
print(flush=True)
input()
"""


def test_tree_of_a_session_holds_its_processes() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", BUSY_LEADER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        tree = probes.Tree(leader.pid)
        assert [stat.pid for stat in tree.read_stats()] == [leader.pid]
        assert tree.read_cpu() > 0
        assert tree.read_pss() > 0
        leader.communicate(b"\n")
