"""A reader of the manual on a machine: does what a page says, in the order in which it says it.

``#`` commands are root's, in /root; ``$`` commands are those of an ordinary account, in a directory
of its own that has an application ``app.py``. Files are written where their captions say. A server
in the foreground is started as a transient unit, which is ready when the server says so, and is
stopped by the next one or at the end of the page. Every other command must end with the status that
the page announces (0) and answer what the page shows.
"""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

from integration.machine import Machine
from tests.docs.blocks import ROOT, Block, Command, blocks_of

READER = "you"
APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"Hello\\n"]


application = app
"""

_SERVERS = re.compile(
    r"(?:\w+=\S+ )*(?:\S*/)?"
    r"(?:gunicorn|gunicorn_django|gunicorn_paster|python3? (?:-m gunicorn|manage\.py run_gunicorn))"
    r"(?: |$)"
)
_ENDS = re.compile(r"--(check-config|print-config|version|help|daemon)\b")


def is_server(command: Command) -> bool:
    """Whether a command stays in the foreground and serves."""
    return bool(_SERVERS.match(command.text)) and not _ENDS.search(command.text)


class Reader:
    """Somebody who reads one page at a machine that has systemd."""

    def __init__(self, machine: Machine, page: Path, app: str = APP):
        self.machine = machine
        self.page = page
        self.directory = f"/home/{READER}/{page.stem}"
        #: what each of root's commands took, in seconds
        self.times: list[tuple[str, float]] = []
        self._unit: str | None = None
        self._count = 0
        machine.run(["install", "-d", "-o", READER, "-g", READER, self.directory])
        if "pip install .\n" in page.read_text():
            machine.copy(ROOT, self.directory, owner=READER)
        if not self._exists("app.py"):
            machine.write(f"{self.directory}/app.py", app, owner=READER)

    def read(self) -> None:
        """Do all of the page."""
        try:
            for block in blocks_of(self.page):
                self.follow(block)
        finally:
            self._stop()

    def follow(self, block: Block) -> None:
        """Write the file that a block shows, or run its commands."""
        if block.caption is not None:
            self._write(block.caption, block.text)
        elif block.language == "console" and block.run_by is None:
            for command in block.commands:
                self._run(command, block)

    def _write(self, caption: str, text: str) -> None:
        owner = "root" if caption.startswith("/") else READER
        path = caption if caption.startswith("/") else f"{self.directory}/{caption}"
        self.machine.run(f"install -d -o {owner} {shlex.quote(str(Path(path).parent))}")
        self.machine.write(path, text + "\n", owner=owner)

    def _run(self, command: Command, block: Block) -> None:
        begun = time.monotonic()
        if is_server(command) and block.exits == 0:
            self._serve(command, block)
            return
        user = None if command.as_root else READER
        directory = "/root" if command.as_root else self.directory
        script = f"cd {shlex.quote(directory)} && {{\n{command.text}\n}} 2>&1"
        # nginx takes its new configuration a moment after its reload has returned
        deadline = begun + (10 if command.text.startswith("curl ") else 0)
        while True:
            done = self.machine.run(["bash", "-c", script], user=user, check=None, timeout=240)
            if done.returncode == block.exits and command.answers(done.stdout):
                break
            assert time.monotonic() < deadline, (
                f"{block.place}: {command.text}\nended with {done.returncode} (to be {block.exits})"
                f", answered\n{done.stdout}{done.stderr}{self._log()}\nto be\n{command.answer}"
            )
            time.sleep(0.2)
        self.times.append((command.text, time.monotonic() - begun))

    def _serve(self, command: Command, block: Block) -> None:
        self._stop()
        self._count += 1
        self._unit = f"read-{re.sub(r'[^a-z]', '-', str(self.page.stem).lower())}-{self._count}"
        done = self.machine.run(
            [
                "systemd-run", "--quiet", f"--unit={self._unit}", "--service-type=notify",
                f"--uid={READER}", f"--gid={READER}", f"--working-directory={self.directory}",
                "--property=NotifyAccess=all", "--property=KillMode=mixed",
                "--property=TimeoutStartSec=60", "--property=TimeoutStopSec=30",
                f"--setenv=HOME=/home/{READER}",
                "--setenv=PATH=/usr/local/bin:/usr/bin:/bin",
                "bash", "-c", command.text,
            ],
            check=None,
        )  # fmt: skip
        said = f"{block.place}: {command.text}\n{done.stdout}{done.stderr}{self._log()}"
        assert done.returncode == 0, f"does not start: {said}"
        assert command.answers(self._log()), f"does not say\n{command.answer}\nbut: {said}"

    def _log(self) -> str:
        if self._unit is None:
            return ""
        return self.machine.output(["journalctl", "--no-pager", "-o", "cat", "-u", self._unit])

    def _stop(self) -> None:
        """End the server of the page, gracefully, and see that it ended well."""
        if self._unit is None:
            return
        unit, log = self._unit, self._log()
        self.machine.run(["systemctl", "stop", unit])
        result = self.machine.output(["systemctl", "show", "-P", "Result", unit])
        self._unit = None
        assert result == "success", f"{unit} ended: {result}\n{log}"

    def _exists(self, name: str) -> bool:
        return (
            self.machine.run(["test", "-e", f"{self.directory}/{name}"], check=None).returncode == 0
        )
