"""The counters of the OOM killer, in trees that look like the kernel's."""

from __future__ import annotations

from pathlib import Path

from gunicorn.system.oom import RECENT_SECONDS, OomCounter, find_counter

VMSTAT = "nr_free_pages 5\noom_kill {}\n"


def tree(root: Path, cgroup: str, **files: str) -> Path:
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    (root / "proc/vmstat").write_text(VMSTAT.format(0))
    return root


def write(root: Path, name: str, text: str) -> Path:
    path = root / "sys/fs/cgroup" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_group_of_version_two(tmp_path: Path) -> None:
    tree(tmp_path, "0::/system.slice/gunicorn@shop.service\n")
    name = "system.slice/gunicorn@shop.service/memory.events"
    path = write(tmp_path, name, "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert find_counter(str(tmp_path)) == (str(path), "a process of this control group")


def test_group_of_version_one_inside_a_container(tmp_path: Path) -> None:
    tree(tmp_path, "9:name=systemd:/\n4:memory,hugetlb:/docker/abc\n0::/\n")
    path = write(tmp_path, "memory/memory.oom_control", "under_oom 0\noom_kill 7\n")
    assert find_counter(str(tmp_path)) == (str(path), "a process of this control group")


def test_machine_without_groups(tmp_path: Path) -> None:
    tree(tmp_path, "0::/\n")
    found = find_counter(str(tmp_path))
    assert found is not None
    assert found[1] == "a process of this machine"


def test_nobody_counts(tmp_path: Path) -> None:
    assert find_counter(str(tmp_path)) is None
    counter = OomCounter(str(tmp_path))
    assert not counter.is_known
    assert not counter.claim(1.0)


def test_each_kill_explains_one_death(tmp_path: Path) -> None:
    tree(tmp_path, "0::/a\n")
    path = write(tmp_path, "a/memory.events", "oom_kill 5\n")
    counter = OomCounter(str(tmp_path))
    assert not counter.claim(1.0)
    path.write_text("oom_kill 7\n")
    assert [counter.claim(2.0) for _ in range(3)] == [True, True, False]


def test_kill_noticed_before_the_death_is_remembered_but_not_for_long(tmp_path: Path) -> None:
    tree(tmp_path, "0::/a\n")
    path = write(tmp_path, "a/memory.events", "oom_kill 0\n")
    counter = OomCounter(str(tmp_path))
    path.write_text("oom_kill 1\n")
    counter.look(10.0)
    assert counter.claim(10.0 + RECENT_SECONDS)
    path.write_text("oom_kill 2\n")
    counter.look(20.0)
    assert not counter.claim(20.1 + RECENT_SECONDS)
