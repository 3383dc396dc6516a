"""Everything the manual shows has somebody who tries it: here, or a reader on a booted machine."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gunicorn.sites import commands, control, site
from tests.docs.blocks import ROOT, Block, all_blocks, blocks_of, pages
from tests.harness.surroundings import environment

BLOCKS = all_blocks()
EXAMPLES = ROOT / "examples"
#: languages that a block without a caption may have, each with what becomes of it
TRIED = {
    "console": "run",
    "toml": "checked",
    "python": "checked",
    "json": "checked",
    "text": "shown",
}
#: what begins a line that a reader would type
COMMANDS = re.compile(
    r"\s*(sudo |gunicorn(ctl|_django|_paster)? |systemctl |apt-get |pip |python3? |curl |kill "
    r"|nginx |scripts/|venv/|docker )"
)
#: the synopsis of the command is not to be typed
SYNOPSIS = re.compile(r"gunicorn \[")


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and not block.is_file]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_every_block_is_tried(block: Block) -> None:
    if block.is_file:
        return
    assert block.language in TRIED, f"{block.place}: nobody would try this {block.language}"
    if block.language == "text":
        typed = [
            line
            for line in block.text.splitlines()
            if COMMANDS.match(line) and not SYNOPSIS.match(line)
        ]
        assert not typed, f"{block.place}: commands belong into a console block"


def test_files_are_used_by_a_command_after_them() -> None:
    for page in pages():
        blocks = blocks_of(page)
        for number, block in enumerate(blocks):
            later = blocks[number + 1 :]
            assert (
                not block.is_file
                or page.name
                == "containers.rst"  # its files make an image: integration/test_docs.py
                or any(one.language == "console" and not one.is_file for one in later)
            ), f"{block.place}: {block.caption} is written and never used"


@pytest.mark.parametrize("block", of("console"), ids=lambda block: block.place)
def test_commands_can_be_told_from_answers(block: Block) -> None:
    assert block.commands
    if block.exits:
        assert len(block.commands) == 1, "only one command is said to fail"
    for name in (block.run_by or "").split():
        assert (ROOT / name).is_file()
    if block.run_by:
        texts = "\n".join((ROOT / name).read_text() for name in block.run_by.split())
        for command in block.commands:
            program = command.text.removeprefix("sudo ").split()[0]
            assert program in texts, f"{block.run_by} does not run {program}"


@pytest.mark.parametrize("block", of("toml"), ids=lambda block: block.place)
def test_site_file_is_right(block: Block) -> None:
    site.parse_site("shop", Path("/etc/gunicorn.d/shop.conf"), block.text.encode())


@pytest.mark.parametrize("block", of("json"), ids=lambda block: block.place)
def test_json_is_right(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", of("python"), ids=lambda block: block.place)
def test_configuration_is_right(block: Block, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(block.text)
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "tests.apps.basic:hello"],
        cwd=tmp_path,
        env=environment("docs", {}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


# -- what stands in the text and in tables ---------------------------------------------------------

LITERAL = re.compile(r"``(gunicornctl [^`]+)``", re.DOTALL)
#: shortened in the text, or with a word for what the reader has
_PLACEHOLDERS = {"FILE": "x", "N": "1", "NAME": "x", "SITE": "shop", "OLD": "x"}


def spoken() -> list[tuple[str, str]]:
    found = []
    for page in pages():
        text = page.read_text("utf-8") if page.exists() else ""
        for literal in LITERAL.findall(text):
            found.append((page.name, " ".join(literal.split())))
    return sorted(set(found))


@pytest.mark.parametrize(("page", "words"), spoken(), ids=lambda value: str(value))
def test_command_in_the_text_is_understood(page: str, words: str) -> None:
    parser = control.make_parser()
    arguments = re.split(r" [>|&] ?", words)[0].split()[1:]
    arguments = [_PLACEHOLDERS.get(word, word) for word in arguments]
    names = {one.name for one in commands.COMMANDS}
    assert arguments[0] in names | {"VERB"}
    if arguments[0] in names and "--help" not in arguments and _is_whole(arguments):
        parser.parse_args(arguments)


def _is_whole(arguments: list[str]) -> bool:
    """Whether the words say all; a verb that needs an argument may be named without it."""
    command = next(one for one in commands.COMMANDS if one.name == arguments[0])
    needed = [
        a for a in command.arguments if not a.name.startswith("-") and "nargs" not in a.options
    ]
    return not needed or len(arguments) > 1


# -- the examples ----------------------------------------------------------------------------------

#: these have tests of their own
ELSEWHERE = ("websocket",)


def example_files() -> list[Path]:
    found = [path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(
        path
        for path in found
        if path.relative_to(EXAMPLES).parts[0] not in ELSEWHERE and path.name != "README.rst"
    )


def test_every_example_is_shown_by_a_page_and_so_tried() -> None:
    shown = {block.text for block in BLOCKS if block.is_file}
    for path in example_files():
        assert path.read_text().rstrip("\n") in shown, f"{path} is on no page"


def test_examples_can_be_read() -> None:
    for path in example_files():
        text = path.read_text()
        if path.suffix == ".py":
            ast.parse(text)
        elif path.suffix == ".ini":
            configparser.RawConfigParser().read_string(text)


# -- how a page is read ----------------------------------------------------------------------------


def test_block_forms(tmp_path: Path) -> None:
    page = ROOT / "docs" / "none.rst"
    text = """\
Look::

    a picture

.. exits: 3

.. code-block:: console

   # first \\
       goes on
   $ second
   said ... so
   by it

5. An item:

   .. code-block:: python
      :caption: app.py

      x = 1

         y = 2
"""
    from tests.docs import blocks

    picture, console, code = blocks._read(page, text.splitlines())
    assert (picture.language, picture.text, picture.line) == ("text", "a picture", 1)
    assert (console.exits, console.language) == (3, "console")
    first, second = console.commands
    assert (first.text, first.as_root, first.answer) == ("first \\\n    goes on", True, None)
    assert (second.text, second.as_root, second.answer) == ("second", False, "said ... so\nby it")
    assert second.answers("it\nsaid  all of it\nso by it!")
    assert not second.answers("said by it")
    assert (code.caption, code.text, code.exits) == ("app.py", "x = 1\n\n   y = 2", 0)


def test_answer_without_command_is_refused() -> None:
    with pytest.raises(ValueError, match="before any command"):
        _ = Block("docs/x.rst", 1, "console", "answer\n# command").commands
