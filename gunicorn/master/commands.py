"""What may be asked of the master over its control socket, a function each."""

from __future__ import annotations

import gunicorn
from gunicorn.master import children, control, generation, phases, rehearsal, scoreboard
from gunicorn.master.generation import Asker, ReloadError
from gunicorn.shapes import Protocol
from gunicorn.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["COMMANDS", "Commands", "Server"]


class Server(Protocol):
    """What the commands ask of the master."""

    pid: int
    generation: int
    started_at: float
    reexec_pid: int
    phase: phases.Phase
    children: children.Children
    LISTENERS: list[Any]
    num_workers: int
    scoreboard: scoreboard.Scoreboard

    def ask_reload(self, asker: Asker) -> None: ...
    def ask_reopen(self, answer: Any) -> None: ...
    def ask_check(self, answer: rehearsal.Answer) -> None: ...
    def reexec(self) -> str | None: ...
    def begin_stop(self, graceful: bool) -> None: ...
    def handle_ttin(self) -> None: ...
    def handle_ttou(self) -> None: ...


class Commands:
    """Answers requests on behalf of a server."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def handle(self, request: dict[str, Any], reply: control.Reply) -> None:
        """Carry out one request; every answer goes through ``reply``, once."""
        command = request.get("command")
        act = COMMANDS.get(command) if isinstance(command, str) else None
        if act is None:
            known = ", ".join(COMMANDS)
            reply(_refusal(f"unknown command {command!r}; there are: {known}"))
        elif self.server.phase is phases.Phase.STOPPING and command != "status":
            reply(_refusal("the server is stopping") | {"phase": self.server.phase.value})
        else:
            act(self, request, reply)

    def status(self, request: dict[str, Any], reply: control.Reply) -> None:
        server = self.server
        now = clock.monotonic()
        reply(
            {
                "ok": True,
                "protocol": control.PROTOCOL,
                "version": gunicorn.__version__,
                "pid": server.pid,
                "generation": server.generation,
                "started_at": clock.iso_utc(server.started_at),
                "workers": [scoreboard.describe(child, now) for child in server.children],
                "workers_wanted": server.num_workers,
                "workers_busy": server.scoreboard.busy,
                "requests": server.scoreboard.requests,
                "requests_per_second": round(server.scoreboard.rate, 1),
                "latency": server.scoreboard.latency,
                "listeners": [str(listener) for listener in server.LISTENERS],
                "reloading": server.phase is phases.Phase.RELOADING,
                "phase": server.phase.value,
            }
        )

    def reload(self, request: dict[str, Any], reply: control.Reply) -> None:
        def answer(verdict: int | ReloadError) -> None:
            if isinstance(verdict, int):
                reply({"ok": True, "generation": verdict})
            else:
                reply(_refusal(verdict.error) | {"traceback": verdict.traceback})

        self.server.ask_reload(answer)

    def reopen(self, request: dict[str, Any], reply: control.Reply) -> None:
        self.server.ask_reopen(
            lambda done, reason: reply({"ok": True} if done else _refusal(reason))
        )

    def check(self, request: dict[str, Any], reply: control.Reply) -> None:
        def answer(said: str | None) -> None:
            if said is None:
                reply({"ok": True})
            else:
                reply(_refusal(generation.last_line(said)) | {"traceback": said})

        self.server.ask_check(answer)

    def upgrade(self, request: dict[str, Any], reply: control.Reply) -> None:
        refusal = self.server.reexec()
        reply(_refusal(refusal) if refusal else {"ok": True, "pid": self.server.reexec_pid})

    def workers(self, request: dict[str, Any], reply: control.Reply) -> None:
        change = request.get("change")
        if change not in (1, -1) or isinstance(change, bool):
            reply(_refusal('"change" must be 1 or -1'))
        elif self.server.phase is not phases.Phase.RUNNING:
            reply(_refusal(f"the server is {self.server.phase.value}"))
        else:
            if change == 1:
                self.server.handle_ttin()
            else:
                self.server.handle_ttou()
            reply({"ok": True, "workers": self.server.num_workers})

    def stop(self, request: dict[str, Any], reply: control.Reply) -> None:
        graceful = request.get("graceful", True)
        if not isinstance(graceful, bool):
            reply(_refusal('"graceful" must be true or false'))
            return
        reply({"ok": True})
        self.server.begin_stop(graceful)


COMMANDS = {
    "status": Commands.status,
    "reload": Commands.reload,
    "reopen": Commands.reopen,
    "check": Commands.check,
    "upgrade": Commands.upgrade,
    "workers": Commands.workers,
    "stop": Commands.stop,
}


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
