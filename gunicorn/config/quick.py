"""The command line without argparse, for the words that nearly every start has.

A start would otherwise spend a tenth of its time on building a parser of ninety options. This reads
flags written in full, their values, and one word that is no option; anything else (abbreviations,
``-w4``, ``--help``, every mistake) is left to argparse, which then reads the whole line. What is
read here means the same there; a test holds them to that.
"""

from __future__ import annotations

import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from gunicorn.config.setting import Setting

#: actions of settings that are understood; None is argparse's "store"
_ACTIONS = (None, "store", "append", "store_true", "store_const", "switch")


def parse(
    settings: Mapping[str, Setting], words: Sequence[str], **others: object
) -> types.SimpleNamespace | None:
    """What argparse would make of ``words``; None where argparse must be asked.

    ``others`` are the options that are no settings, none of which is given.
    """
    flags = {flag: item for item in settings.values() for flag in item.cli or ()}
    found: dict[str, Any] = {item.name: None for item in flags.values()}
    positional: list[str] = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            positional.append(word)
            continue
        item, text = _option(flags, word, left)
        if item is None or item.nargs is not None or item.action not in _ACTIONS:
            return None
        if not item.takes_value:
            found[item.name] = item.const if item.action == "store_const" else True
            continue
        try:
            value: Any = (type(item).type or str)(text)
        except (TypeError, ValueError):
            return None
        found[item.name] = [*(found[item.name] or ()), value] if item.action == "append" else value
    if len(positional) > 1:
        return None
    return types.SimpleNamespace(**found, args=positional, **others)


def _option(
    flags: Mapping[str, Setting], word: str, left: Iterator[str]
) -> tuple[Setting | None, str]:
    """The setting of a flag and its value, which may be the next word; None for what is unclear."""
    item = flags.get(word)
    if item is not None:
        if not item.takes_value:
            return item, ""
        text = next(left, None)
        # Whether `-x` is a value or the next option is for argparse to say.
        return (item, text) if text == "-" or (text and not text.startswith("-")) else (None, "")
    flag, sign, text = word.partition("=")
    item = flags.get(flag) if sign and flag.startswith("--") else None
    return (item, text) if item is not None and item.takes_value else (None, "")


class LateParser:
    """Stands for an argparse parser, which is made when somebody asks it something."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)
