"""A server started in another way: another interpreter, another command.

Everything else is as in ``server``: its own directory, readiness, the proof that nothing is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.harness.server import BINDS, ROOT, Server

APPS = ROOT / "tests" / "apps"


def project(name: str) -> dict[str, str]:
    """Give the files of ``tests/apps/NAME`` as ``Server`` takes them."""
    base = APPS / name
    return {
        str(path.relative_to(base)): path.read_text()
        for path in sorted(base.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


class Launched(Server):
    """A server started by ``command``.

    :param command: the whole command line; ``{bind}`` in a word is the address to bind.
    :param house: the directory that holds the package ``gunicorn``: the clone, or an installed one.
    """

    def __init__(
        self,
        *command: str | Path,
        bind: str = "tcp",
        house: Path = ROOT,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        expect_errors: bool | Sequence[str] = False,
    ) -> None:
        path = {"PYTHONPATH": str(house)} if house != ROOT else {}
        super().__init__(
            None, bind=bind, env={**path, **(env or {})}, files=files, expect_errors=expect_errors
        )
        self._command = command

    def command_line(self) -> list[str]:
        address = BINDS.get(self.bind or "", self.bind or "")
        return [str(word).replace("{bind}", address) for word in self._command]

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the running project, in one step as editors and deployments do."""
        path = self.directory / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        beside = path.with_suffix(".test")
        beside.write_text(text.replace(old, new))
        beside.replace(path)
