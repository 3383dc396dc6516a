"""A reload: the new generation is on trial beside the old one, which stops only after the verdict.

``Trial`` is the judgement, pure. ``Turnover`` carries one reload out: what was in force before,
what is put in force for the trial, and the two ways it ends. Nothing of the old generation is
given up before ``succeed``: not its workers, not its listeners, not its configuration.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable

from gunicorn import sock
from gunicorn.errors import ConfigError
from gunicorn.master import inheritance
from gunicorn.shapes import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Asker", "Outcome", "ReloadError", "Trial", "Turnover", "last_line"]


class Outcome(enum.Enum):
    PENDING = "pending"
    PROVEN = "proven"
    FAILED = "failed"


class Trial:
    """Whether a generation has come up: ``wanted`` workers ready, and none lost before."""

    def __init__(self, generation: int, wanted: int) -> None:
        self.generation = generation
        self.wanted = wanted
        self.cause = ""
        self._ready: set[int] = set()

    def ready(self, pid: int) -> None:
        """Note that a worker of the generation takes requests."""
        self._ready.add(pid)

    def lost(self, pid: int, cause: str) -> None:
        """Note that a worker of the generation ended; the first cause stands."""
        self._ready.discard(pid)
        self.cause = self.cause or cause or "a worker ended while it booted"

    @property
    def outcome(self) -> Outcome:
        if self.cause:
            return Outcome.FAILED
        return Outcome.PROVEN if len(self._ready) >= self.wanted else Outcome.PENDING


class ReloadError(NamedTuple):
    """Why a reload changed nothing."""

    error: str
    traceback: str = ""


#: takes the verdict: the generation that serves now, or why there is no new one
Asker = Callable[[int | ReloadError], None]


class Server(Protocol):
    """What a turnover asks of the master."""

    app: Any
    cfg: Any
    log: Any
    generation: int
    num_workers: int
    LISTENERS: list[sock.BaseSocket]
    parting: list[sock.BaseSocket]

    inheritance: inheritance.Inheritance

    def adopt(self, cfg: Any, log: Any) -> None: ...
    def next_generation(self) -> int: ...
    def spawn_generation(self) -> None: ...
    def withdraw(self, generation: int) -> None: ...
    def retire_before(self, generation: int) -> None: ...


class Turnover:
    """One reload, from HUP to verdict."""

    def __init__(self, server: Server, askers: list[Asker]) -> None:
        self.server = server
        self.askers = askers
        self.trial: Trial | None = None
        self.is_proven = False
        self._old_cfg, self._old_log = server.cfg, server.log
        self._old_count = server.num_workers
        self._old_generation = server.generation
        self._old_listeners = server.LISTENERS
        self._log_changed = False
        self._is_restored = False
        self._bound: list[sock.BaseSocket] = []
        self._gone: list[sock.BaseSocket] = []

    def begin(self) -> ReloadError | None:
        """Put the new configuration on trial; give what prevents it, nothing having changed."""
        try:
            self._prepare()
        except Exception as exc:
            self._restore()
            is_plain = isinstance(exc, ConfigError)
            detail = "" if is_plain else traceback.format_exc()
            if detail:
                self.server.log.error("The reload failed with:\n%s", detail)
            return ReloadError(f"{exc}" if is_plain else last_line(detail), detail)
        return None

    def _prepare(self) -> None:
        server = self.server
        server.app.reload()
        cfg = server.app.cfg
        self._log_changed = True
        log = cfg.logger_class(cfg)
        # Whatever fails from here on is undone by _restore, in the opposite order.
        server.adopt(cfg, log)
        wanted = server.inheritance.addresses(cfg)
        kept, missing, self._gone = sock.plan_listeners(self._old_listeners, wanted)
        # One attempt: who asked should know at once, and the loop has workers to look after.
        beside = [listener.cfg_addr for listener in kept]
        self._bound = sock.create_listeners(missing, cfg, log, attempts=1, beside=beside)
        for listener in kept:
            listener.conf, listener.log = cfg, log
            if cfg.backlog != self._old_cfg.backlog and not listener.is_lent:
                listener.listen(cfg.backlog)
        server.LISTENERS = kept + self._bound
        server.parting = self._gone
        if self._bound or self._gone:
            urls = ",".join(map(str, server.LISTENERS))
            log.info("Listening at: %s", urls)
        for warning in cfg.warnings:
            log.warning("%s", warning)
        pending = self._old_cfg.needing_restart(cfg)
        if pending:
            log.warning("A restart is needed for the new value of: %s", ", ".join(pending))
        cfg.on_reload(server)
        server.generation = server.next_generation()
        self.trial = Trial(server.generation, cfg.workers)
        server.spawn_generation()

    def succeed(self) -> None:
        """Retire the old generation and give up what only it used."""
        self.is_proven = True
        server = self.server
        server.retire_before(server.generation)
        for listener in self._gone:
            server.inheritance.give_up(listener)
        server.parting = []
        server.inheritance.keep(self._bound)

    def finish(self) -> None:
        """Give the verdict: from now on whoever connects is served by the new generation."""
        server = self.server
        server.log.info(
            "Reloaded: generation %d serves, workers: %d", server.generation, server.num_workers
        )
        self._tell(server.generation)

    def fail(self, error: ReloadError) -> None:
        """Withdraw the new generation; the old one has not noticed."""
        self._restore()
        if self.trial is not None:
            self.server.withdraw(self.trial.generation)
        self.server.log.error(
            "Reload failed, generation %d goes on: %s", self._old_generation, error.error
        )
        self._tell(error)

    def abandon(self) -> None:
        """The master stops: nobody will know how it would have ended."""
        if self.is_proven:
            self.finish()
            return
        for listener in self._gone:
            self.server.inheritance.give_up(listener)
        self._tell(ReloadError("the server is stopping"))

    def _restore(self) -> None:
        if self._is_restored:
            return
        self._is_restored = True
        server = self.server
        server.app.restore(self._old_cfg)
        if self._log_changed:
            try:
                self._old_log.setup(self._old_cfg)
            except Exception:
                # The old files cannot be opened any more; what is open now goes on being used.
                server.log.exception("cannot go back to the former log files")
        if server.cfg is not self._old_cfg:
            server.adopt(self._old_cfg, self._old_log)
        server.generation = self._old_generation
        if server.num_workers != self._old_count:
            server.num_workers = self._old_count
        for listener in self._bound:
            sock.close_listener(listener)
        self._bound = []
        for listener in self._old_listeners:
            listener.conf, listener.log = self._old_cfg, self._old_log
        server.LISTENERS = self._old_listeners
        server.parting = []

    def _tell(self, verdict: int | ReloadError) -> None:
        for answer in self.askers:
            answer(verdict)
        self.askers = []


def last_line(text: str) -> str:
    """Give the line of a traceback that names the error, or the text itself when it is one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else text
