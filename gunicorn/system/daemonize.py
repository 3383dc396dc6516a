"""Becoming a daemon without lying about it: the launching command waits until the start is known.

The rituals (double fork, setsid, standard streams on /dev/null) are python-daemon's. Around them
stands a pipe: the launcher reads how the start went and exits with that status, printing the one
line that says why not. Only descriptors 0 to 2 are given up; umask, directory, limits and user
stay as they are.
"""

from __future__ import annotations

import os
import sys

from gunicorn.errors import ConfigError, ExitStatus
from gunicorn.system import fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["detach", "forget_launcher", "tell_launcher"]

#: the writing end of the pipe to the launcher while it waits; -1: nobody waits
_launcher = -1


def detach(keeps_output: bool = False) -> None:
    """Continue in the background; returns in the daemon only.

    With ``keeps_output`` standard output and standard error lead where they led before.
    The launching process stays until ``tell_launcher`` is called, or until the daemon dies. Raises
    ConfigError without the python-daemon module.
    """
    global _launcher
    try:
        import daemon
    except ImportError:
        raise ConfigError(
            "daemon needs the python-daemon module (package python3-daemon)"
        ) from None
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    if os.fork() != 0:
        os.close(writer)
        _wait_and_exit(reader)
    os.close(reader)
    mask = os.umask(0o022)
    os.umask(mask)
    daemon.DaemonContext(
        detach_process=True,  # also where it would think it has been started detached (PID 1)
        files_preserve=[fd for fd in fds.open_fds() if fd > 2],
        working_directory=os.getcwd(),  # noqa: PTH109 -- text
        umask=mask,
        prevent_core=False,
        signal_map={},
        stdout=sys.stdout if keeps_output else None,
        stderr=sys.stderr if keeps_output else None,
    ).open()
    _launcher = writer


def tell_launcher(status: int, text: str = "") -> None:
    """Release the launching command with ``status``; ``text`` goes to its standard error.

    Does nothing when nobody waits, so every way out may call it.
    """
    global _launcher
    if _launcher < 0:
        return
    fd, _launcher = _launcher, -1
    try:
        fds.write_all(fd, f"{status}\n{text}".encode())
    except OSError:
        pass  # the launcher was killed; the daemon has nobody to tell
    # Otherwise it is closed by our end, which is what the launcher waits for: who tries again at
    # once meets nothing of us.
    if status == ExitStatus.OK:
        fds.close_quietly(fd)


def forget_launcher() -> None:
    """In a child of the daemon: the start is not ours to report, and must not wait for us."""
    global _launcher
    if _launcher >= 0:
        fds.close_quietly(_launcher)
        _launcher = -1


def _wait_and_exit(reader: int) -> NoReturn:
    said = b""
    try:
        while chunk := os.read(reader, 4096):
            said += chunk
    except KeyboardInterrupt:
        os._exit(130)  # the daemon has its own session by now and goes on
    status, _, text = said.decode("utf-8", "replace").partition("\n")
    if not status.isdigit():
        status, text = str(int(ExitStatus.FAILURE)), "Error: the server died while it started"
    if text:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    # Not sys.exit: what the program registered for its end belongs to the daemon.
    os._exit(int(status))
