"""The settings in a PasteDeploy file: its section ``[server:main]``, with the line of each.

Rules: the sections are read here, without PasteDeploy, because PasteDeploy wants the server of the
section to be installed, tells no lines, and is not there when the configuration is printed on
another machine. The meaning is PasteDeploy's: ``[DEFAULT]``, ``%(here)s``, ``set``, ``get`` and
``use`` of another section. Applications are not looked at.
"""

from __future__ import annotations

import configparser
import os
import re

from gunicorn import util
from gunicorn.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gunicorn.config.config import Config

    #: key as written -> text of the value, and where it was written
    Values = dict[str, tuple[str, str]]

_SECTION = re.compile(r"\[(?P<name>[^]]+)\]")
_KEY = re.compile(r"(?P<key>[^\s#;\[=:][^=:]*?)\s*[=:]")

#: keys of a section that are for PasteDeploy
_OWN_KEYS = ("use", "require", "paste.server_factory", "paste.server_runner")


class Ini:
    """One file, parsed: ConfigError when it cannot be."""

    def __init__(self, path: str, variables: Mapping[str, str]) -> None:
        self.path = os.path.abspath(path)
        self.variables = variables
        places = {"here": os.path.dirname(self.path), "__file__": self.path}
        self.parser = configparser.ConfigParser(
            {key: text.replace("%", "%%") for key, text in places.items()}, strict=False
        )
        self.parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
            self.parser.read_string(text, self.path)
        except OSError as error:
            raise ConfigError(f"Config file not found: {self.path}. {error.strerror}") from error
        except (configparser.Error, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"Failed to read config file: {self.path}. {reason}") from error
        for key, value in variables.items():
            if key not in self.parser.defaults():
                self.parser.set("DEFAULT", key, value.replace("%", "%%"))
        self._lines = _survey(text)

    @property
    def has_loggers(self) -> bool:
        """Whether the file configures logging."""
        return self.parser.has_section("loggers")

    def defaults(self) -> Values:
        """What ``[DEFAULT]`` says."""
        keys = [key for section, key in self._lines if section == "DEFAULT"]
        return {key: (self._text("DEFAULT", key), self._place("DEFAULT", key)) for key in keys}

    def server(self, name: str = "main", seen: tuple[str, ...] = ()) -> Values:
        """What ``[server:NAME]`` says, and the sections it uses; nothing when there is none."""
        section = f"server:{name}"
        if not self.parser.has_section(section):
            return {}
        if section in seen:
            raise ConfigError(f"{self._place(section, 'use')}: {section} uses itself")
        values: Values = {}
        use = self._text(section, "use") if self.parser.has_option(section, "use") else ""
        scheme, colon, rest = use.partition(":")
        if scheme == "config":
            path, _, other = rest.partition("#")
            used = Ini(os.path.join(os.path.dirname(self.path), path), self.variables)
            values = used.server(
                other or "main", seen if used.path != self.path else (*seen, section)
            )
        elif use and not colon:
            values = self.server(use, (*seen, section))
        for within, key in self._lines:
            if within == section and key not in _OWN_KEYS:
                given = self._text(section, key), self._place(section, key)
                word, blank, rest = key.partition(" ")
                if blank and word == "get":
                    given = self.parser.get("DEFAULT", given[0], fallback=""), given[1]
                values[rest.strip() if blank and word in ("set", "get") else key] = given
        return values

    def _place(self, section: str, key: str) -> str:
        line = self._lines.get((section, key))
        return f"{self.path}:{line}" if line else self.path

    def _text(self, section: str, key: str) -> str:
        try:
            return self.parser.get(section, key)
        except configparser.InterpolationError as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"{self._place(section, key)}: {reason}") from error


def _survey(text: str) -> dict[tuple[str, str], int]:
    """The line of each key, by section and key; of a key written twice it is the last."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SECTION.match(line):
            section = found["name"]
        elif found := _KEY.match(line):
            lines[section, found["key"]] = number
    return lines


def read_settings(ini: Ini, names: Iterable[str]) -> tuple[Values, list[str]]:
    """The settings in ``ini`` by name, and warnings about keys that look mistyped.

    A variable given beside the file beats the section, which beats ``[DEFAULT]``. ``host`` and
    ``port`` make ``bind``, unless that is given.
    """
    known = set(names)
    section = ini.server()
    variables = {key: (text, "the global variables") for key, text in ini.variables.items()}
    given: Values = {}
    for key, value in (section | variables).items():
        given[key.lower()] = value
    for key in {key for where, key in ini._lines if where == "DEFAULT" and key.lower() in known}:
        given.setdefault(key.lower(), (ini._text("DEFAULT", key), ini._place("DEFAULT", key)))
    values = {key: value for key, value in given.items() if key in known and key != "config"}
    if "bind" not in values and (address := _address(given)):
        values["bind"] = address
    warnings = [
        f"{key!r}, from {place}, is no setting and has no effect. The nearest setting is {hint!r}"
        for key, (_, place) in section.items()
        if key.lower() not in known and (hint := util.nearest(key, known, cutoff=0.85))
    ]
    return values, warnings


def _address(given: Values) -> tuple[str, str] | None:
    host, place = given.get("host", ("127.0.0.1", ""))
    port, port_place = given.get("port", ("", ""))
    if not place and not port:
        return None
    return join_address(host, port), place or port_place


def join_address(host: str, port: str) -> str:
    """``host:port`` as ``bind`` takes it; the host alone where it says it all."""
    host, port = host.strip(), port.strip()
    if not port or host.startswith("unix:"):
        return host
    return f"[{host}]:{port}" if util.is_ipv6(host) else f"{host}:{port}"


def parse_variables(pairs: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts as a dictionary."""
    parts = (pair.partition("=") for pair in pairs)
    return {name.strip(): text.strip() for name, _, text in parts}


def split_uri(uri: str) -> tuple[str, str]:
    """Path and application name of ``INI`` or ``INI#APP``."""
    path, _, name = uri.partition("#")
    return path, name or "main"


def open_for(cfg: Config) -> Ini:
    """The file that the setting ``paste`` names."""
    path, _ = split_uri(cfg.paste)
    try:
        return Ini(path, parse_variables(cfg.raw_paste_global_conf))
    except ConfigError as error:
        raise ConfigError(f"{error}; paste is from {cfg.origin('paste')}") from error
