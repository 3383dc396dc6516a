"""The settings as a manual: ``python -m gunicorn.config.manual rst|man1|man5``.

Writes to standard output the settings reference of the documentation (reStructuredText) or the
manual pages gunicorn(1) and gunicorn.conf(5) (roff), all from the declarations. What is not about a
single setting is written by hand: here for the pages, in ``docs/`` for the documentation.

The pages understand the reStructuredText that manual texts use: paragraphs, literals in double
backquotes, literal blocks, simple tables. Not loaded by the server.
"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator

from gunicorn import __version__
from gunicorn.config import Config, setting, validators
from gunicorn.errors import ExitStatus

RELEASED = "November 2026"

SIGNALS = {
    "TERM": "Stop; workers finish their requests, for at most ``graceful_timeout`` seconds.",
    "INT, QUIT": "Stop at once.",
    "HUP": "Reload configuration and application. New workers are started beside the old ones; if "
    "they do not come up, the old ones go on serving.",
    "USR1": "Reopen the log files.",
    "TTIN, TTOU": "One worker more, one worker less.",
}

VARIABLES = {
    "GUNICORN_CMD_ARGS": "Options that count as given before those of the command line.",
    "PORT": "Makes ``0.0.0.0:$PORT`` the default of ``bind``.",
    "WEB_CONCURRENCY": "The default of ``workers``.",
    "FORWARDED_ALLOW_IPS": "The default of ``forwarded_allow_ips``.",
    "DJANGO_SETTINGS_MODULE": "Settings module of a Django project; ``--settings`` is stronger.",
}


def by_section() -> list[tuple[str, list[setting.Setting]]]:
    """The settings of each section, sections and settings in the order of their declaration."""
    sections: dict[str, list[setting.Setting]] = {}
    for item in Config().settings.values():
        sections.setdefault(item.section, []).append(item)
    return list(sections.items())


def flags(item: setting.Setting) -> str:
    """The flags with their argument, as on a command line; empty when there are none."""
    argument = f" {item.meta or 'VALUE'}" if item.takes_value else ""
    spellings = list(item.cli or [])
    if item.action == "switch":
        spellings += [f"--no-{flag.removeprefix('--')}" for flag in spellings]
    return ", ".join(f"{flag}{argument}" for flag in spellings)


def accepted(item: setting.Setting) -> str:
    """What the setting takes, in words."""
    return item.accepts or validators.ACCEPTS.get(type(item).validator, "")


def text_of(item: setting.Setting) -> str:
    """The manual text without its indentation."""
    return inspect.cleandoc(item.desc)


def default_of(item: setting.Setting) -> str:
    """The default in words, without the functions that hooks have for one."""
    return "" if callable(item.default) else item.shown_default


# -- reStructuredText ------------------------------------------------------------------------------


def rst() -> Iterator[str]:
    """The page of the settings, a piece of text each."""
    yield ".. Made by gunicorn.config.manual; change the declarations instead.\n"
    yield from heading("Settings", "=")
    yield (
        "Each setting with its option, its values, its default and its meaning. Settings without "
        "an option are\nfor the configuration file (or a site file) only. This page is written "
        "from the settings themselves, as are\n``gunicorn --help`` and the manual pages.\n"
    )
    for section, items in by_section():
        yield from heading(section, "-")
        for item in items:
            yield f".. _setting-{item.name.replace('_', '-')}:\n"
            yield from heading(f"``{item.name}``", "~")
            yield from rst_facts(item)
            yield text_of(item) + "\n"


def heading(text: str, line: str) -> Iterator[str]:
    """A title and what underlines it."""
    yield text
    yield line * len(text) + "\n"


def rst_facts(item: setting.Setting) -> Iterator[str]:
    """Flag, values and default of a setting as a field list."""
    if item.cli:
        yield f":Command line: ``{flags(item)}``"
    if accepted(item):
        yield f":Takes: {accepted(item)}"
    if default_of(item):
        literal = not item.default_text
        yield f":Default: ``{item.default!r}``" if literal else f":Default: {item.default_text}"
    if item.restart:
        yield ":Reload: needs a restart"
    yield ""


# -- manual pages ----------------------------------------------------------------------------------


def man1() -> Iterator[str]:
    """gunicorn(1): the command."""
    yield from title("GUNICORN", 1)
    yield ".SH NAME\ngunicorn, gunicorn_django, gunicorn_paster \\- pre-fork WSGI server for Unix"
    yield ".SH SYNOPSIS\n.B gunicorn\n.RI [ OPTIONS ]\n.I APP_MODULE\n.br\n"
    yield ".B gunicorn_django\n.RI [ OPTIONS ]\n.RI [ SETTINGS_PATH ]\n.br\n"
    yield ".B gunicorn_paster\n.RI [ OPTIONS ]\n.I INI\n.br\n"
    yield ".B gunicorn \\-\\-site\n.I NAME"
    yield ".SH DESCRIPTION"
    yield from roff(
        "Serves the WSGI application that APP_MODULE names: ``MODULE:NAME``, where MODULE can be "
        "imported and NAME is the application in it, ``application`` when left out. Attributes "
        "(``MODULE:site.app``) and calls with literal arguments (``MODULE:make('x', debug=True)``) "
        "will do as well.\n\n"
        "``gunicorn_django`` serves the project that SETTINGS_PATH leads to: a settings module, a "
        "file, or a directory; without it ``DJANGO_SETTINGS_MODULE``, then the current directory. "
        "``gunicorn_paster`` serves the application of a PasteDeploy file; the settings in its "
        "section ``[server:main]`` are weaker than the configuration file.\n\n"
        "A master process listens, starts the workers that answer requests, and replaces those "
        "that end. Settings come, the strongest last, from the environment, from the "
        "configuration file, see gunicorn.conf(5), from ``GUNICORN_CMD_ARGS`` and from the options."
    )
    yield ".SH OPTIONS"
    yield from tagged("-h, --help", "Show the options and leave.")
    yield from tagged("-v, --version", "Show the version and leave.")
    yield from tagged("--site NAME", "Serve a site of /etc/gunicorn.d, see gunicornctl(8).")
    for section, items in by_section():
        if any(item.cli for item in items):
            yield f".SS {escape(section)}"
        for item in items:
            if item.cli:
                yield from tagged(flags(item), text_of(item))
    for name, entries in (("SIGNALS", SIGNALS), ("ENVIRONMENT", VARIABLES)):
        yield f".SH {name}"
        for tag, text in entries.items():
            yield from tagged(tag, text)
    yield ".SH EXIT STATUS"
    for status in ExitStatus:
        yield from tagged(str(int(status)), status.meaning[:1].upper() + status.meaning[1:] + ".")
    yield ".SH SEE ALSO\n.BR gunicorn.conf (5),\n.BR gunicornctl (8)"


def man5() -> Iterator[str]:
    """gunicorn.conf(5): the configuration file."""
    yield from title("GUNICORN.CONF", 5)
    yield ".SH NAME\ngunicorn.conf \\- configuration of the WSGI server gunicorn"
    yield ".SH DESCRIPTION"
    yield from roff(
        "A configuration file is Python. It is read from the path given with ``--config``, else "
        "from ``gunicorn.conf.py`` in the current directory. Names assigned at its top level are "
        "settings, functions of the names below are hooks::\n\n"
        "    import multiprocessing\n\n"
        '    bind = ["127.0.0.1:8000", "unix:/run/shop/socket"]\n'
        "    workers = multiprocessing.cpu_count() * 2 + 1\n\n"
        "    def post_fork(server, worker):\n"
        '        server.log.info("worker %s", worker.pid)\n\n'
        "The file is run at every start and at every reload. Names that are no setting are yours, "
        "unless one looks like a misspelled setting: that is an error."
    )
    for section, items in by_section():
        yield f".SH {escape(section.upper())}"
        for item in items:
            facts = [
                f"Takes {accepted(item)}." if accepted(item) else "",
                f"Default: {default_of(item)}." if default_of(item) else "",
                "A change needs a restart." if item.restart else "",
            ]
            yield from tagged(item.name, text_of(item) + "\n\n" + " ".join(filter(None, facts)))
    yield ".SH SEE ALSO\n.BR gunicorn (1),\n.BR gunicornctl (8)"


def title(name: str, section: int) -> Iterator[str]:
    """The head of a page."""
    yield '.\\" Made by python -m gunicorn.config.manual; change the declarations instead.'
    yield f'.TH {name} {section} "{RELEASED}" "gunicorn {__version__}"'


def tagged(tag: str, text: str) -> Iterator[str]:
    """One entry of a list: a tag in bold and its indented text."""
    yield f".TP\n.B {escape(tag)}"
    paragraphs = roff(text, indented=True)
    # The first paragraph stands beside its tag, so its own request must go.
    yield from itertools.islice(paragraphs, 1, None)


def roff(text: str, indented: bool = False) -> Iterator[str]:
    """A manual text in roff, a request or a line of text each."""
    literal = False
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        if literal and block.startswith("    "):
            yield from literal_block(lines, indented)
            continue
        if lines[0].startswith("==="):
            rows = [line.replace("``", "") for line in lines if not line.startswith("===")]
            yield from literal_block(rows, indented)
            continue
        literal = block.endswith("::")
        yield ".IP" if indented else ".PP"
        for line in lines:
            yield escape(line[:-1] if literal and line.endswith("::") else line)


def literal_block(lines: list[str], indented: bool) -> Iterator[str]:
    """Lines that stay as they are, a little to the right of the text around them."""
    # The text of a tag is indented by 7, which a literal block does not inherit.
    yield f".RS {11 if indented else 4}\n.nf\n"
    yield from (escape(line.removeprefix("    ")) for line in lines)
    yield ".fi\n.RE"


def escape(text: str) -> str:
    """A line of text for roff: its special characters quoted, literals in bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"``(.*?)``", r"\\fB\1\\fR", text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


FORMS: dict[str, Callable[[], Iterator[str]]] = {"rst": rst, "man1": man1, "man5": man5}


def main(arguments: list[str]) -> int:
    """Write the form asked for to standard output."""
    if len(arguments) != 1 or arguments[0] not in FORMS:
        print(f"usage: python -m gunicorn.config.manual {'|'.join(FORMS)}", file=sys.stderr)
        return ExitStatus.USAGE
    for line in FORMS[arguments[0]]():
        print(line)
    return ExitStatus.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
