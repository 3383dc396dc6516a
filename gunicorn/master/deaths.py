"""What the log says of the end of a worker: whose doing it was, and what it cost.

Pure. Only what is known is said: what we did ourselves, what the kernel counts, what the worker
wrote into its page. A signal that none of them explains is said to come from outside, never to be
"perhaps out of memory". The texts are explained to administrators in docs/reference/messages.rst.
"""

from __future__ import annotations

import signal

from gunicorn.errors import ExitStatus
from gunicorn.master.children import Child, State
from gunicorn.shapes import NamedTuple
from gunicorn.system import signals
from gunicorn.system.memory import Current

__all__ = ["Story", "explain", "occupation"]

#: raised by the processor or by abort(), for what a process has done itself
_FAULTS = frozenset(
    {
        signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT,
        signal.SIGSYS, signal.SIGTRAP,
    }
)  # fmt: skip

#: some workers finish gracefully and then end by the signal that asked them to
_REQUESTS_TO_GO = frozenset({signal.SIGTERM, signal.SIGQUIT, signal.SIGINT})

_CODES = {
    int(ExitStatus.WORKER_BOOT): "it could not boot",
    int(ExitStatus.APP_LOAD): "the application could not be loaded",
    int(ExitStatus.UNEXPECTED): "an exception that nobody caught",
}


class Story(NamedTuple):
    """How a worker ended; ``text`` is "" where nothing is worth a line."""

    is_clean: bool
    text: str


def explain(child: Child, code: int, current: Current | None, oom: str | None) -> Story:
    """Tell the end of ``child``.

    ``code`` is its exit code, or minus the signal that ended it; ``current`` the request it was
    at; ``oom`` whom the OOM killer has just killed one of, "" when it has not struck, None when
    nobody counts.
    """
    if code >= 0:
        if code == 0:
            return Story(True, "")
        reason = _our_reason(child) or _CODES.get(code, "")
        told = f"exited with code {code}"
    else:
        if child.state is State.RETIRING and -code in _REQUESTS_TO_GO:
            return Story(True, f"Worker (pid:{child.pid}) was sent {_name(-code)}!")
        reason = _our_reason(child) or _foreign_reason(-code, oom)
        told = f"was sent {_name(-code)}!"
    reason = f" ({reason})" if reason else ""
    return Story(False, f"Worker (pid:{child.pid}) {told}{reason}, {occupation(child, current)}")


def occupation(child: Child, current: Current | None) -> str:
    """Say what a worker was doing: ``while serving GET /cart for 10.0.0.7:4711, begun ...``."""
    if child.was_doing:
        # Told before it was aborted: its own end has cleared the page since.
        return child.was_doing
    if current is not None:
        what = f"{current.method} {_printable(current.path)}".strip() or "a request"
        whose = f" for {_printable(current.peer)}" if current.peer else ""
        return f"while serving {what}{whose}, begun {current.seconds:.1f} s before"
    return "while it booted" if child.ready_at is None else "while it was idle"


def _our_reason(child: Child) -> str:
    if not child.killed_for:
        return ""
    told = f", told to go: {child.leaves_for}" if child.leaves_for else ""
    return f"{child.killed_for}{told}"


def _foreign_reason(signum: int, oom: str | None) -> str:
    if signum == signal.SIGKILL:
        if oom:
            return f"the kernel's OOM killer has just killed {oom}"
        if oom is None:
            return "not by this server"
        return "from outside: not by this server, nor by the kernel's OOM killer"
    if signum in _FAULTS:
        return "a crash in native code, unless it came from outside"
    return "from outside"


def _name(signum: int) -> str:
    return f"SIG{signals.name_of(signum).upper()}"


def _printable(text: str) -> str:
    """A client chooses its path: it must not write lines of our log."""
    return "".join(char if char.isprintable() else "?" for char in text)
