"""The page gunicornctl(8) and completion: ``python -m gunicorn.sites.manual man8|bash``.

Written to standard output from the table of the verbs and the keys of site files, when the package
is built. The roff is ``gunicorn.config.manual``'s; no running server or verb loads this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from gunicorn.config.manual import roff, tagged, title
from gunicorn.errors import ExitStatus
from gunicorn.sites import keys
from gunicorn.sites.commands import COMMANDS, Command

#: exit statuses of every verb; ``control`` has the same for readers of the source
STATUSES = {
    "0": "Done. For ``status``: running.",
    "1": "Failed; the reason is on standard error. For ``status``: a site has failed.",
    "2": "The command line cannot be understood.",
    "3": "For ``status``: not running.",
    "4": "Only root may do this. For ``status``: there is no such site.",
    "5": "There is no such site.",
    "7": "The site is not running.",
    "78": "A site file is wrong; ``file:line: reason`` is on standard error.",
}

FILES = {
    "/etc/gunicorn.d/SITE.conf": "A site. TOML, root's, not writable by others.",
    "/etc/gunicorn/defaults.conf": "Same syntax: what all sites have unless they say otherwise.",
    "/etc/gunicorn.d/SITE.conf.d/*.conf": "More of the site, in the order of their names; each "
    "overrides, key by key, the site file and those before it.",
    "/run/gunicorn/SITE/": "``socket``, ``control`` and ``gunicorn.pid`` of a running site.",
    "/var/log/gunicorn/SITE/": "``error.log`` and ``access.log``.",
}


#: what a file name must look like to be offered as a site keeps compgen from expanding anything
_BASH = """\
# Completion of gunicornctl for bash; made by gunicorn.sites.manual.
_gunicornctl() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}" words='' file
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='{verbs} --help --version'
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        return
    fi
    case "$verb" in
{cases}
    esac
    case "$verb" in {sites})
        for file in /etc/gunicorn.d/*.conf; do
            file=${{file##*/}}
            file=${{file%.conf}}
            case "$file" in
            [!a-z0-9]* | *[!a-z0-9_.-]*) ;;
            *) words="$words $file" ;;
            esac
        done ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    case "$verb" in {files})
        mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}}
complete -F _gunicornctl gunicornctl"""


def synopsis(command: Command) -> str:
    """One verb with its arguments, as on a command line."""
    words = [command.name]
    for argument in command.arguments:
        meta = argument.options.get("metavar", argument.name)
        if argument.name.startswith("-"):
            takes = "" if argument.options.get("action") == "store_true" else f" {meta}"
            word = argument.name + takes
            words.append(word if argument.options.get("required") else f"[{word}]")
        elif argument.options.get("nargs") in ("*", "?"):
            words.append(f"[{meta}{'...' if argument.options['nargs'] == '*' else ''}]")
        else:
            words.append(f"{meta}{'...' if argument.options.get('nargs') == '+' else ''}")
    return " ".join(words)


def man8() -> Iterator[str]:
    """gunicornctl(8)."""
    yield from title("GUNICORNCTL", 8)
    yield ".SH NAME\ngunicornctl \\- run the sites of /etc/gunicorn.d"
    yield ".SH SYNOPSIS\n.B gunicornctl\n.I COMMAND\n.RI [ ARGUMENTS ]"
    yield ".SH DESCRIPTION"
    yield from roff(
        "A file ``/etc/gunicorn.d/SITE.conf`` is a site: an application with its own user, master "
        "process, sockets and logs. Where systemd runs, each site is the unit "
        "``gunicorn@SITE.service``, all of them are ``gunicorn.service``, and this command goes "
        "through systemctl(1), so that the states of units stay true. Elsewhere it speaks to "
        "``gunicornctl run``."
    )
    yield ".SH COMMANDS"
    for command in COMMANDS:
        if command.text is not None:
            text = command.text[0].upper() + command.text[1:] + "."
            yield from tagged(
                synopsis(command), text + (f"\n\n{command.more}" if command.more else "")
            )
    yield ".SH SITE FILES"
    yield from roff(
        "One setting a line, written ``key = value``; strings are quoted. Every setting of "
        "gunicorn.conf(5) that is no hook is a key, besides these. Tables such as ``[env]`` come "
        "last.\n\n"
        "A file counts only when it and every directory on the way to it are root's and writable "
        "by nobody else."
    )
    for name, key in keys.SITE_KEYS.items():
        yield from tagged(name, key.text)
    yield from tagged("[env]", "Variables of the environment of the application.")
    yield ".SS [limits]"
    for name, key in keys.LIMIT_KEYS.items():
        yield from tagged(name, key.text)
    yield ".SS [sandbox]"
    yield from roff("What the site is granted beyond the sandbox of its unit, and what that costs.")
    for name, key in keys.SANDBOX_KEYS.items():
        yield from tagged(name, key.text)
    for heading, entries in (("FILES", FILES), ("EXIT STATUS", STATUSES)):
        yield f".SH {heading}"
        for tag, text in entries.items():
            yield from tagged(tag, text)
    yield ".SH EXAMPLES"
    yield from roff(
        "The smallest site, in ``/etc/gunicorn.d/shop.conf``::\n\n"
        '    app   = "shop.wsgi:application"\n    user  = "shop"\n    chdir = "/srv/shop"\n\n'
        "Look at it, start it, and later load its new code::\n\n"
        "    gunicornctl check shop\n    gunicornctl sync\n    gunicornctl reload shop"
    )
    yield ".SH SEE ALSO\n.BR gunicorn (1),\n.BR gunicorn.conf (5),\n.BR systemctl (1)"


def bash() -> Iterator[str]:
    """Completion for bash: verbs, options, names of sites. Starts no program."""
    shown = [one for one in COMMANDS if one.text]
    cases = [
        f"    {one.name}) words='{' '.join([*_long_options(one), '--help'])}' ;;" for one in shown
    ]
    yield _BASH.format(
        verbs=" ".join(one.name for one in shown),
        cases="\n".join(cases),
        sites="|".join(one.name for one in shown if _takes(one, "SITE")),
        files="|".join(one.name for one in shown if _takes(one, "FILE")),
    )


def _long_options(command: Command) -> list[str]:
    return [one.name for one in command.arguments if one.name.startswith("-")]


def _takes(command: Command, what: str) -> bool:
    return any(what in str(one.options.get("metavar")) for one in command.arguments)


FORMS: dict[str, Callable[[], Iterator[str]]] = {"man8": man8, "bash": bash}


def main(arguments: list[str]) -> int:
    """Write the form asked for to standard output."""
    if len(arguments) != 1 or arguments[0] not in FORMS:
        print(f"usage: python -m gunicorn.sites.manual {'|'.join(FORMS)}", file=sys.stderr)
        return ExitStatus.USAGE
    for line in FORMS[arguments[0]]():
        print(line)
    return ExitStatus.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
