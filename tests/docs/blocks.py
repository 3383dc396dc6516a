"""What the manual shows, page by page: its commands, its files, its configurations.

A block is a ``code-block``, a ``literalinclude`` or a paragraph that ends with ``::``. What is to
become of it follows from what it is:

* with a caption it is a file: ``/etc/...`` of the machine, ``app.py`` of the reader's directory;
* ``console`` holds commands: ``#`` for root, ``$`` for anybody, other lines are what is answered,
  ``...`` for anything; integration/test_docs.py runs them in the order of the page;
* ``toml``, ``python``, ``json`` without a caption are configurations, checked by test_blocks.py;
* ``text`` shows a picture, or what something says: no command stands in it.

Comments in the page steer what cannot be seen: ``.. exits: 1`` before a command that is to fail,
``.. run by: tests/PATH`` before commands that another test runs. Knows nothing about machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gunicorn.config import manual

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

#: written from the code when the manual is built
SETTINGS = DOCS / "reference" / "settings.rst"

_DIRECTIVE = re.compile(r"\s*\.\. (code-block|literalinclude):: ?(\S*)$")
_OPTION = re.compile(r"\s+:([\w-]+):\s*(.*)$")
_COMMENT = re.compile(r"\s*\.\. (exits|run by): (.*)$")
_PROMPT = re.compile(r"[$#] ")


@dataclass(frozen=True)
class Command:
    """A command and what the page says it answers (None: whatever)."""

    text: str
    as_root: bool
    answer: str | None

    def answers(self, said: str) -> bool:
        """Whether ``said`` holds the answer shown, blanks aside, ``...`` for anything."""
        if self.answer is None:
            return True
        wanted = ".*?".join(
            r"\s+".join(map(re.escape, part.split())) for part in self.answer.split("...")
        )
        return re.search(wanted, said, re.DOTALL) is not None


@dataclass(frozen=True)
class Block:
    """One block of a page; ``page`` is relative to the clone."""

    page: str
    line: int
    language: str
    text: str
    caption: str | None = None
    exits: int = 0
    run_by: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_file(self) -> bool:
        return self.caption is not None

    @property
    def commands(self) -> list[Command]:
        """The commands of a console block, with their continued lines and their answers."""
        found: list[tuple[str, list[str]]] = []
        continues = False
        for line in self.text.splitlines():
            if continues:
                found[-1] = (f"{found[-1][0]}\n{line}", found[-1][1])
            elif _PROMPT.match(line):
                found.append((line, []))
            elif found:
                found[-1][1].append(line)
            else:
                raise ValueError(f"{self.place}: {line!r} comes before any command")
            continues = (continues or _PROMPT.match(line) is not None) and line.endswith("\\")
        return [
            Command(text[2:], text[0] == "#", "\n".join(answer).strip() or None)
            for text, answer in found
        ]


def pages() -> list[Path]:
    """README and the pages of the manual, the generated one included."""
    written = {path for path in DOCS.rglob("*.rst") if "_build" not in path.parts}
    return [ROOT / "README.rst", *sorted(written | {SETTINGS})]


def blocks_of(page: Path) -> list[Block]:
    """Give the blocks of a page in their order."""
    text = "\n".join(manual.rst()) if page == SETTINGS else page.read_text("utf-8")
    return list(_read(page, text.splitlines()))


def all_blocks() -> list[Block]:
    return [block for page in pages() for block in blocks_of(page)]


def _read(page: Path, lines: list[str]) -> Iterator[Block]:
    name = str(page.relative_to(ROOT))
    steering: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        comment = _COMMENT.match(line)
        if comment:
            steering[comment[1]] = comment[2].strip()
            continue
        directive = _DIRECTIVE.match(line)
        is_literal = line.rstrip().endswith("::") and not line.lstrip().startswith("..")
        if not directive and not is_literal:
            if line.strip():
                steering = {}
            continue
        start, options = at, {}
        while directive and at < len(lines) and (option := _OPTION.match(lines[at])):
            options[option[1]] = option[2]
            at += 1
        body, at = _indented(lines, at, _indentation(line))
        language = directive[2] if directive else ""
        if directive and directive[1] == "literalinclude":
            if "caption" not in options:
                continue  # text that the build of the manual has written
            body = (page.parent / directive[2]).read_text("utf-8").rstrip("\n")
            language = options.get("language", "")
        yield Block(
            name,
            start,
            language or _language_of(page, body),
            body,
            options.get("caption"),
            int(steering.get("exits", "0")),
            steering.get("run by"),
        )
        steering = {}


def _language_of(page: Path, body: str) -> str:
    """What a block is that does not say so; the settings show lines of configuration files."""
    if _PROMPT.match(body):
        return "console"
    return "python" if page == SETTINGS else "text"


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indented(lines: list[str], at: int, margin: int) -> tuple[str, int]:
    """The lines from ``at`` on that are indented more than ``margin``, without their own margin."""
    taken: list[str] = []
    while at < len(lines) and (not lines[at].strip() or _indentation(lines[at]) > margin):
        taken.append(lines[at])
        at += 1
    inner = min((_indentation(line) for line in taken if line.strip()), default=0)
    return "\n".join(line[inner:] for line in taken).strip("\n"), at
