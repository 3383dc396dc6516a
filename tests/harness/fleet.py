"""Servers shared by many tests: one for each listener and set of flags, started once a file."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

from tests.harness.server import Server


class Fleet(contextlib.ExitStack):
    """Starts each server when first asked for; all end with the stack, each with its proof."""

    def __init__(self) -> None:
        super().__init__()
        self._servers: dict[tuple[object, ...], Server] = {}

    def server(
        self,
        app: str,
        *flags: str,
        bind: str = "tcp",
        env: tuple[tuple[str, str], ...] = (),
        expect_errors: bool | tuple[str, ...] = False,
        config: str = "",
    ) -> Server:
        """Give the server with exactly these flags; ``config`` is the text of a config file."""
        key = (app, flags, bind, env, expect_errors, config)
        if key not in self._servers:
            files = {"conf.py": config} if config else {}
            words = ("--config", "conf.py", *flags) if config else flags
            self._servers[key] = self.enter_context(
                Server(
                    app,
                    *words,
                    bind=bind,
                    env=dict(env),
                    files=files,
                    expect_errors=expect_errors,
                )
            )
        return self._servers[key]

    def __exit__(self, *exc_info: Any) -> bool | None:
        # told all at once, they stop side by side; each one's proof then has nothing to wait for
        for server in self._servers.values():
            with contextlib.suppress(ProcessLookupError):
                server.signal(signal.SIGTERM)
        return super().__exit__(*exc_info)
