from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gunicorn.sites.trust import MAX_BYTES, Rules, UntrustedError, read_trusted
from tests.sites.conftest import GOOD, Machine


def refusal(path: Path, rules: Rules) -> str:
    with pytest.raises(UntrustedError) as caught:
        read_trusted(path, rules)
    return str(caught.value)


def test_a_file_of_ours_is_read(machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    assert read_trusted(path, machine.rules) == GOOD.encode()


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o777])
def test_a_file_that_everybody_may_write_is_refused(machine: Machine, mode: int) -> None:
    path = machine.write("shop.conf", GOOD)
    path.chmod(mode)
    assert refusal(path, machine.rules) == (
        f"{path}: not used: it is writable by everybody (mode {mode:04o}): chmod o-w {path}"
    )


def test_the_directory_that_offends_is_named(machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    machine.paths.sites.chmod(0o1777)
    assert refusal(path, machine.rules) == (
        f"{path}: not used: the directory {path.parent} is writable by everybody (mode 1777): "
        f"chmod o-w {path.parent}"
    )


def test_a_file_of_somebody_else_is_refused(machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    strict = Rules(frozenset({os.getuid() + 1}), path)
    assert f"belongs to uid {os.getuid()}, not to root: chown root {path}" in refusal(path, strict)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_that_a_foreign_group_may_write_is_refused(machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    path.chmod(0o664)
    assert read_trusted(path, machine.rules)
    os.chown(path, 0, 12345)
    assert "writable by group 12345 (mode 0664): chmod g-w" in refusal(path, machine.rules)


def test_every_hop_of_a_link_is_judged(machine: Machine) -> None:
    elsewhere = machine.paths.root / "srv"
    elsewhere.mkdir(mode=0o755)
    real = elsewhere / "real.conf"
    real.write_text(GOOD)
    real.chmod(0o644)
    (machine.paths.root / "hop").symlink_to("srv")
    path = machine.paths.sites / "shop.conf"
    path.symlink_to("../../hop/real.conf")
    assert read_trusted(path, machine.rules) == GOOD.encode()
    elsewhere.chmod(0o777)
    assert f"the directory {elsewhere} is writable by everybody" in refusal(path, machine.rules)
    elsewhere.chmod(0o755)
    real.chmod(0o666)
    assert f"the file {real} is writable by everybody" in refusal(path, machine.rules)


def test_an_absolute_link_is_walked_from_the_root(machine: Machine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    (outside / "x.conf").write_text(GOOD)
    path = machine.paths.sites / "shop.conf"
    path.symlink_to(outside / "x.conf")
    assert f"the directory {outside} is writable by everybody" in refusal(path, machine.rules)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives links away")
def test_a_link_of_somebody_else_is_refused(machine: Machine) -> None:
    real = machine.write("real.conf", GOOD)
    path = machine.paths.sites / "shop.conf"
    path.symlink_to(real)
    os.lchown(path, 12345, 12345)
    assert f"chown -h root {path}" in refusal(path, machine.rules)


def test_a_loop_of_links_ends(machine: Machine) -> None:
    path = machine.paths.sites / "shop.conf"
    path.symlink_to("shop.conf")
    assert "too many symbolic links" in refusal(path, machine.rules)


def test_a_pipe_does_not_hang_the_boot(machine: Machine) -> None:
    path = machine.paths.sites / "shop.conf"
    os.mkfifo(path, 0o644)
    assert "is no regular file" in refusal(path, machine.rules)


def test_a_huge_file_is_refused(machine: Machine) -> None:
    path = machine.write("shop.conf", b"#" * (MAX_BYTES + 1))
    assert "larger than 256 KiB" in refusal(path, machine.rules)


def test_missing_files_are_another_matter(machine: Machine) -> None:
    with pytest.raises(FileNotFoundError):
        read_trusted(machine.paths.sites / "no.conf", machine.rules)
    dangling = machine.paths.sites / "dangling.conf"
    dangling.symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        read_trusted(dangling, machine.rules)


def test_nothing_stays_open(machine: Machine) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    path = machine.write("shop.conf", GOOD)
    link = machine.paths.sites / "link.conf"
    link.symlink_to(path)
    read_trusted(link, machine.rules)
    path.chmod(0o666)
    refusal(link, machine.rules)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_swapped_while_it_is_read_never_counts(machine: Machine) -> None:
    """What was judged is what is read, however the names change meanwhile."""
    place = machine.paths.sites
    for name, owner in (("root", 0), ("stranger", 41001)):
        path = machine.write(name, name * 1000)
        os.chown(path, owner, owner)
    target = place / "shop.conf"
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            for name in ("root", "stranger"):
                os.link(place / name, place / "next")
                (place / "next").rename(target)
                # a rename onto another name of the same file does nothing, and leaves "next"
                (place / "next").unlink(missing_ok=True)

    target.write_text("root")
    swapper = threading.Thread(target=swap)
    swapper.start()
    read, refused = 0, 0
    try:
        while min(read, refused) < 20 and read + refused < 20000:
            try:
                assert b"stranger" not in read_trusted(target, machine.rules)
                read += 1
            except UntrustedError:
                refused += 1
    finally:
        is_over.set()
        swapper.join()
    assert read
    assert refused
