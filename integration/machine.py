"""A Debian machine that really boots: systemd as PID 1 in a container of systemd-nspawn.

Facts found out first, and what they mean here:

* Two containers started from the same cgroup share one tree of units: stray pids, stops that hang.
  So each nspawn is started inside a cgroup of its own, made in every hierarchy systemd uses.
* `--volatile=overlay` forgets everything at a reboot. So the disk is an overlayfs of our own over
  the read-only base image; it is mounted in a mount namespace that only nspawn and the machine live
  in, hence nothing has to be unmounted, whatever way the machine ends.
* The machine has a private network: ports of this host and of other machines do not exist in it.
  The one way out, to the package archive, is `door.py`.
* nspawn is told by the kernel when the test process dies (parent-death signal), and takes the
  machine along.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from integration.waiting import wait_until

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
}
BOOT_TIMEOUT = 60.0
REBOOT_STATUS = 133


class CommandError(AssertionError):
    """A command inside a machine ended with a status that the test did not expect."""


class Machine:
    """One container; use it as a context manager, or `boot` and `destroy` it."""

    def __init__(
        self, name: str, base: Path, init: bool = True, binds: dict[Path, str] | None = None
    ):
        """`init`: boot systemd; without it PID 1 is a stub that reaps, as in many containers.

        `binds` are directories of this host, seen read-only at a path of the machine.
        """
        self.name = name
        self.base = base
        self.init = init
        self.binds = binds or {}
        self.scratch = Path(tempfile.mkdtemp(prefix=f"gunicorn-machine-{name}-", dir="/var/tmp"))
        self.console = self.scratch / "console.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        try:
            self.boot()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    # -- life ------------------------------------------------------------------------------------

    def boot(self) -> None:
        for part in ("upper", "work", "root"):
            (self.scratch / part).mkdir(exist_ok=True)
        command = [
            "systemd-nspawn", f"--directory={self.scratch}/root", f"--machine={self.name}",
            "--register=no", "--keep-unit", "--quiet", "--private-network", "--console=pipe",
        ]  # fmt: skip
        command += [f"--bind-ro={source}:{target}" for source, target in self.binds.items()]
        if self.init:
            command += ["--boot"]
        else:
            command += ["--as-pid2", "sleep", "infinity"]
        overlay = f"lowerdir={self.base},upperdir={self.scratch}/upper,workdir={self.scratch}/work"
        enter = [
            f"echo $$ > {shlex.quote(str(group / 'cgroup.procs'))}" for group in self._cgroups()
        ]
        script = "\n".join(
            [
                "set -e",
                *enter,
                f"mount -t overlay overlay -o {overlay} {self.scratch}/root",
                f"exec {shlex.join(command)}",
            ]
        )
        for group in self._cgroups():
            group.mkdir(exist_ok=True)
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        self.wait_running()

    def wait_running(self) -> None:
        """Return when the machine has finished booting (every job done, whatever units failed)."""
        wait_until(
            self._is_up, lambda: f"{self.name} has booted\n{self.console_text()}", BOOT_TIMEOUT
        )

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError(f"{self.name}: systemd-nspawn ended\n{self.console_text()}")
        if self.leader is None:
            return False
        if not self.init:
            return True
        state = self.run("systemctl is-system-running", check=None).stdout.strip()
        return state in ("running", "degraded")

    def reboot(self) -> None:
        """Restart the machine; its disk stays, its processes and /run do not."""
        process = self._process
        assert process is not None
        self.run("systemctl reboot", check=None)
        # With --keep-unit, nspawn does not start the machine again itself: it says "again" by its
        # status.
        status = process.wait(BOOT_TIMEOUT)
        assert status == REBOOT_STATUS, f"{self.name} ended with {status}\n{self.console_text()}"
        self.boot()

    def destroy(self) -> None:
        """End the machine at once and remove its disk. Nothing of it is left on this host."""
        process = self._process
        if process is not None:
            leader = self.leader
            if leader is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(
                        leader, signal.SIGKILL
                    )  # PID 1 of the namespace: the kernel kills the rest
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
            process.wait(10)
            self._process = None
        for group in self._cgroups():
            if group.is_dir():
                wait_until(lambda group=group: _remove_cgroup(group), f"{group} is empty")
        shutil.rmtree(self.scratch, ignore_errors=True)

    def console_text(self) -> str:
        return self.console.read_text(errors="replace")[-4000:] if self.console.exists() else ""

    # -- looking in --------------------------------------------------------------------------------

    @property
    def leader(self) -> int | None:
        """The pid, seen from this host, of the machine's PID 1; None while there is none."""
        if self._process is None:
            return None
        for pid in _descendants(self._process.pid):
            if _pid_inside(pid) == 1:
                return pid
        return None

    @property
    def root(self) -> Path:
        """The machine's file system, as a path of this host."""
        return Path(f"/proc/{self._leader()}/root")

    def _leader(self) -> int:
        leader = self.leader
        if leader is None:
            raise AssertionError(f"{self.name} is not running\n{self.console_text()}")
        return leader

    def prefix(self) -> list[str]:
        """Return the words that put a command, run on this host, into the machine."""
        # -r and -w without values: root and working directory are the leader's own
        spaces = ["-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        words = ["nsenter", "-t", str(self._leader()), *spaces, "env", "-i"]
        return words + [f"{name}={value}" for name, value in ENVIRONMENT.items()]

    def run(
        self,
        command: str | list[str],
        *,
        check: int | None = 0,
        user: str | None = None,
        input: str | None = None,
        timeout: float = 600.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` (a list, or text for the shell) in the machine.

        `check` is the exit status that is expected; None accepts any.
        """
        words = ["sh", "-c", command] if isinstance(command, str) else command
        if user is not None:
            words = [
                "setpriv",
                f"--reuid={user}",
                f"--regid={user}",
                "--init-groups",
                "--reset-env",
                *words,
            ]
        done = subprocess.run(
            self.prefix() + words,
            stdin=None if input is not None else subprocess.DEVNULL,
            input=input, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        if check is not None and done.returncode != check:
            said = done.stdout[-6000:] + done.stderr[-6000:]
            raise CommandError(
                f"{self.name}: {command!r} ended with {done.returncode}, not {check}\n{said}"
            )
        return done

    def output(self, command: str | list[str], **options: object) -> str:
        return self.run(command, **options).stdout.strip()  # type: ignore[arg-type]

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root") -> None:
        """Put a file into the machine, complete from the moment it has its name."""
        script = (
            'umask 077; cat > "$1.new"; chown "$2:" "$1.new"; chmod "$3" "$1.new"; mv "$1.new" "$1"'
        )
        self.run(["sh", "-c", script, "sh", path, owner, f"{mode:o}"], input=text)

    def copy(self, source: Path, target: str, owner: str = "root") -> None:
        """Put a copy of a directory of this host into the machine, less what tools made in it."""
        made = ["__pycache__", "./.git", "./.venv", "./.*_cache"]
        pack = ["tar", "-C", str(source), *[f"--exclude={name}" for name in made], "-cf", "-", "."]
        packed = subprocess.run(pack, stdout=subprocess.PIPE, check=True).stdout
        script = 'mkdir -p "$1" && tar -C "$1" --no-same-owner -xf - && chown -R "$2:" "$1"'
        unpack = [*self.prefix(), "sh", "-c", script, "sh", target, owner]
        subprocess.run(unpack, input=packed, check=True)

    def main_pid(self, unit: str) -> int:
        """Return the pid (inside the machine) of a unit's main process, 0 when it has none."""
        return int(self.output(["systemctl", "show", "-P", "MainPID", unit]))

    def pids(self, unit: str) -> list[int]:
        """Put a copy of a directory of this host into the machine, less what tools made there."""
        group = self.output(["systemctl", "show", "-P", "ControlGroup", unit])
        if not group:
            return []
        text = self.run(f"cat /sys/fs/cgroup{shlex.quote(group)}/cgroup.procs", check=None).stdout
        return sorted(int(line) for line in text.split())

    def workers(self, unit: str) -> list[int]:
        """Return the pids (inside the machine) of the children of a unit's main process."""
        main = self.main_pid(unit)
        text = self.run(["cat", f"/proc/{main}/task/{main}/children"], check=None).stdout
        return sorted(int(word) for word in text.split())

    # -- its cgroup --------------------------------------------------------------------------------

    def _cgroups(self) -> list[Path]:
        return [path / f"gunicorn-{self.scratch.name}" for path in cgroup_hierarchies()]


def cgroup_hierarchies() -> list[Path]:
    """Return where systemd keeps its units: one place, or two in a hybrid set-up."""
    top = Path("/sys/fs/cgroup")
    return [path for path in (top / "unified", top / "systemd") if path.is_dir()] or [top]


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(word)
            yield from _descendants(int(word))


def _pid_inside(pid: int) -> int | None:
    """Return a pid as its innermost namespace numbers it, None for a process of our own."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return int(numbers[-1]) if len(numbers) > 1 else None
    return None


def _remove_cgroup(group: Path) -> bool:
    for path in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()
