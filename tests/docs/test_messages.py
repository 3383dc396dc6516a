"""The page of the log messages against the code that logs: nothing missing, nothing invented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.blocks import DOCS, ROOT

LEVELS = ("info", "warning", "error", "critical", "exception")
PAGE = DOCS / "reference" / "messages.rst"
#: it has no log, and says what it does on standard error
SUPERVISOR = ROOT / "gunicorn" / "sites" / "supervisor.py"
#: what passes on what others say
PASSING_ON = ("glogging.py", "statsd.py")

ROW = re.compile(r"   \* - ``(.+)``\n     - (\w+)\n     - (.+)")
#: a value in a message of the code, as logging writes it
VALUE = re.compile(r"%[-.\d]*[sdfr]")


def logged() -> Iterator[tuple[str, str, str]]:
    """Place, level and first line of every message in the code, values as ``%s``."""
    for path in sorted((ROOT / "gunicorn").rglob("*.py")):
        if path.name in PASSING_ON:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for call in ast.walk(tree):
            if path == SUPERVISOR and isinstance(call, ast.JoinedStr):
                text = next(texts_of(call, tree))
                if text.startswith("site "):
                    yield f"{path.relative_to(ROOT)}:{call.lineno}", "said", text.strip()
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr in LEVELS
                and "log" in ast.unparse(call.func.value)
                and call.args
            ):
                level = "error" if call.func.attr == "exception" else call.func.attr
                for text in texts_of(call.args[0], tree):
                    place = f"{path.relative_to(ROOT)}:{call.lineno}"
                    yield place, level, VALUE.sub("%s", text.splitlines()[0])


def texts_of(argument: ast.expr, tree: ast.AST) -> Iterator[str]:
    """The message an argument is: a text, or a name that was given one above."""
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.Constant) else "%s" for v in argument.values]
        yield "".join(map(str, parts))
    elif isinstance(argument, ast.Name):
        given = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and node.lineno < argument.lineno
            and any(isinstance(one, ast.Name) and one.id == argument.id for one in node.targets)
        ]
        yield from texts_of(max(given, key=lambda node: node.lineno).value, tree)


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text("utf-8"))


#: without a word of its own a message is another's text, a traceback or a stack
MESSAGES = [row for row in logged() if re.search(r"[A-Za-z]{3}", row[2].replace("%s", ""))]


def shape(template: str) -> re.Pattern[str]:
    return re.compile(".+?".join(map(re.escape, template.split("%s"))))


def is_row_of(message: str, template: str) -> bool:
    """Whether a row of the page means a message; one row may mean several, by its capitals."""
    wide = re.compile(re.sub(r"[A-Z]{4,}", ".+?", re.escape(message)))
    return bool(shape(template).fullmatch(message) or wide.fullmatch(template))


#: one call for two messages
TOGETHER = {"%s: %s": ("Connection in use: ADDRESS", "Invalid address: ADDRESS")}


@pytest.mark.parametrize(("place", "level", "template"), MESSAGES, ids=lambda value: str(value))
def test_message_is_explained(place: str, level: str, template: str) -> None:
    shown = [row for row in rows() if is_row_of(row[0], template)]
    assert shown, f"{place}: {template!r} is not in docs/reference/messages.rst"
    assert any(level == row[1] for row in shown), f"{place} logs {template!r} as {level}"


def test_page_explains_nothing_that_is_never_said() -> None:
    said = [template for _, _, template in MESSAGES]
    together = [text for texts in TOGETHER.values() for text in texts]
    for message, _, meaning in rows():
        assert meaning
        assert message in together or any(is_row_of(message, one) for one in said), message
    assert any(template in TOGETHER for _, _, template in logged())


def test_no_message_twice() -> None:
    messages = [row[0] for row in rows()]
    assert len(messages) == len(set(messages)) > 50
