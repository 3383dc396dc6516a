"""The reference pages written by hand, against what the code really does."""

from __future__ import annotations

import json
import re

from gunicorn.config import Config
from gunicorn.master import commands
from gunicorn.sites.commands import COMMANDS
from tests.docs.blocks import DOCS, ROOT
from tests.harness import Server
from tests.harness.control import ask

CONTROL = (DOCS / "reference" / "control-socket.rst").read_text("utf-8")


def literals(text: str) -> set[str]:
    return set(re.findall(r"``(.+?)``", text))


def test_every_question_to_the_control_socket_is_there() -> None:
    asked = [json.loads(one) for one in literals(CONTROL) if one.startswith('{"command"')]
    assert {one["command"] for one in asked} == set(commands.COMMANDS)


def test_every_field_of_the_status_is_there() -> None:
    with Server("tests.apps.basic:hello", "--control-socket", "control.test") as server:
        status = ask(server, command="status")
    words = literals(CONTROL)
    fields = set(status) - {"ok", "protocol"}
    assert fields <= words, f"not in the page: {sorted(fields - words)}"
    fields = set(status["workers"][0])
    assert fields <= words, f"not in the page: {sorted(fields - words)}"


def test_every_hook_is_there() -> None:
    page = (DOCS / "reference" / "hooks.rst").read_text("utf-8")
    named = {one.split("(")[0] for one in literals(page) if "(" in one}
    hooks = {item.name for item in Config().settings.values() if item.section == "Server Hooks"}
    assert named == hooks


def test_options_named_in_the_text_exist() -> None:
    options = {flag for item in Config().settings.values() for flag in item.cli or ()}
    verbs = {argument.name for one in COMMANDS for argument in one.arguments}
    for page in DOCS.rglob("*.rst"):
        if {"_build", "benchmarks.rst", "settings.rst"} & set(page.parts):
            continue
        for literal in literals(page.read_text("utf-8")):
            words = literal.split()
            if words[0] in PROGRAMS or words[0].startswith("--"):
                for word in words:
                    option = word.split("=")[0]
                    if re.fullmatch(r"--[a-z][a-z-]+", option):
                        assert option in options | verbs | FOREIGN, (page, literal)


PROGRAMS = ("gunicorn", "gunicorn_django", "gunicorn_paster", "gunicornctl")

#: options of argparse, of pserve, of python -m venv
FOREIGN = {"--help", "--version", "--app-name", "--server-name", "--system-site-packages"}


def test_places_of_the_repository_exist() -> None:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    named = {
        (page.name, one)
        for page in (*ROOT.glob("*.rst"), *ROOT.glob("examples/*.rst"), *DOCS.rglob("*.rst"))
        for one in literals(page.read_text("utf-8"))
        if re.fullmatch(r"[\w-]+(/[\w.-]+)+/?|[\w-]+/", one) and one.split("/")[0] in tops
    }
    assert len(named) > 12
    for page, place in named:
        assert (ROOT / place).exists(), (page, place)
