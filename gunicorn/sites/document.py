"""TOML text that remembers on which line each key stands, and explains its mistakes to people.

The standard library parses; it keeps no positions and its messages are written for programmers.
What is added here is only for people: the line of a key, and what is wrong with a line in words an
administrator can act on. Knows nothing about sites: it holds keys and values.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from gunicorn.errors import ConfigError

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_STATEMENT = re.compile(rf"\s*({_DOTTED})\s*=\s*(.*)")
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

#: what a bare word after ``=`` most likely meant to be
_CONSTANTS = {
    "true": "true", "yes": "true", "on": "true",
    "false": "false", "no": "false", "off": "false",
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A parsed file: its tables, and the text to find lines in."""

    path: str
    text: str
    tables: dict[str, Any]

    def line_of(self, *keys: str) -> int:
        """Find the line on which this key, or the inline table that holds it, is given; else 1.

        Only asked when something is to be said about a key, so it may take its time. A line that
        merely looks like a key inside a multi-line string is told apart by the parser itself: a
        statement begins where everything above it is a complete document.
        """
        table: tuple[str, ...] = ()
        lines = self.text.splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            header = _TABLE.match(line)
            statement = None if header else _STATEMENT.match(line)
            if header:
                here = _split(header.group(1))
            elif statement:
                here = (*table, *_split(statement.group(1)))
            else:
                continue
            if not _is_complete("".join(lines[: number - 1])):
                continue
            if header:
                table = here
            if here == keys or (statement and _is_within(here, keys)):
                return number
        return 1

    def place(self, *keys: str) -> str:
        """``file:line`` of a key."""
        return f"{self.path}:{self.line_of(*keys)}"


def parse(path: str, data: bytes) -> Document:
    """Read TOML.

    :raises ConfigError: the text is no TOML; one line with ``file:line`` and what would be right
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: the file is not UTF-8 text") from None
    try:
        return Document(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_explain(path, text, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{path}:1: brackets are nested too deeply") from None


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))


def _is_within(here: tuple[str, ...], keys: tuple[str, ...]) -> bool:
    """Whether a statement gives the key inside a table of its own, or gives a part of the key."""
    return here == keys[: len(here)] or keys == here[: len(keys)]


def _is_complete(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _explain(path: str, text: str, message: str) -> str:
    """One line for a syntax error: where, what the parser says, what would be right."""
    lines = text.splitlines() or [""]
    place = _PLACE.search(message)
    reason = message[: place.start()] if place else message
    number = int(place.group(1)) if place and place.group(1) else len(lines)
    # the parser points behind a line break that ends an unfinished line
    number = min(number, len(lines))
    line = lines[number - 1]
    # "cannot overwrite a value", "cannot declare a table twice": the line itself is right
    is_repeated = reason.startswith("Cannot ")
    hint = "this is given twice in the file" if is_repeated else _hint(line)
    said = hint if hint else reason[:1].lower() + reason[1:]
    if not hint and not (place and place.group(1)):
        said = "the file ends inside a value: a quote or bracket is not closed"
    return f"{path}:{number}: {said}"


def _hint(line: str) -> str | None:
    """Guess what a person meant by a line that is no TOML; None without a guess."""
    if re.match(r"\s*CONFIG\s*=\s*\{", line):
        return 'this is the old Python form; write one setting a line: app = "module:name"'
    statement = _STATEMENT.match(line)
    if not statement:
        bare = re.match(rf"\s*({_KEY})\s*(:|\s)\s*(\S.*)", line)
        if bare and not line.lstrip().startswith("["):
            return f"a setting is written {bare.group(1)} = value"
        return None
    key, rest = statement.group(1), re.sub(r"\s+#.*$", "", statement.group(2)).strip()
    if not rest or rest.startswith("#"):
        return f"{key} has no value"
    if rest.lower() in _CONSTANTS:
        return f"write {key} = {_CONSTANTS[rest.lower()]}"
    if rest.lower() in ("none", "null"):
        return f"there is no {rest} here: leave {key} out for its default"
    if rest[0] in "\"'":
        if rest.startswith(('"""', "'''")) or rest.count(rest[0]) != 1:
            return None
        return f"the quote is not closed: {key} = {rest}{rest[0]}"
    if rest[0] == "[":
        if re.search(r"[\[,]\s*[A-Za-z/.:]", re.sub(r""""[^"]*"|'[^']*'""", '""', rest)):
            return f'strings are quoted, also in a list: {key} = ["...", "..."]'
        return None
    if rest[0] == "{":
        return None
    return f"strings are quoted: {key} = {_quoted(rest)}"


def _quoted(text: str) -> str:
    text = text.rstrip("\"' ")
    return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'
