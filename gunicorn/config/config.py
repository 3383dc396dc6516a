"""The configuration as the server sees it: one attribute per setting, and what follows from them.

``cfg.workers`` reads a value, ``cfg.set("workers", 4)`` validates and writes one; plain assignment
is refused, so that no value escapes its validator. Derived attributes (``worker_class`` as a class,
``address``, ``ssl_options``) are computed here and nowhere else.

Rules: ``Config()`` is every default, whatever the environment says; who overrides whom is the
business of ``sources``. No file is read here.
"""

from __future__ import annotations

import os

from gunicorn import util
from gunicorn.config import setting, validators
from gunicorn.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any


class Config:
    """All settings of one server; made anew by each reload."""

    settings: dict[str, setting.Setting]
    usage: str | None
    prog: str
    #: what the user should know and that stops nobody, a line each
    warnings: list[str]

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        # Past __setattr__, which guards the names of the settings.
        self.__dict__.update(
            settings=setting.make_settings(),
            usage=usage,
            prog=prog or "gunicorn",
            warnings=[],
            _classes={},
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["settings"][name].value
        except KeyError:
            raise AttributeError(f"No configuration setting for: {name}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.settings:
            raise AttributeError("Invalid access!")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        width = max(map(len, self.settings))
        lines = [f"{name:{width}} = {item.value!r}" for name, item in sorted(self.settings.items())]
        return "\n".join(lines)

    def set(self, name: str, value: Any, origin: str = "the program") -> None:
        """Validate and write one setting; the validator's ValueError or TypeError comes through."""
        if name not in self.settings:
            raise AttributeError(f"No configuration setting for: {name}")
        self.settings[name].set(value, origin)

    def assign(self, name: str, value: Any, origin: str) -> None:
        """As :meth:`set`, for values that people write: a ConfigError says what and where.

        Every source goes through here: configuration files, flags, the environment, site files.
        """
        item = self.settings.get(name)
        if item is None:
            hint = util.nearest(name, self.settings)
            raise ConfigError(
                f"No setting named {name!r}, from {origin}."
                + (f" The nearest setting is {hint!r}" if hint else "")
            )
        try:
            item.set(value, origin)
        except (ValueError, TypeError, ConfigError) as error:
            raise ConfigError(refusal(item, value, origin, str(error))) from error
        if item.no_effect and not item.is_default:
            self.warn_once(f"{name}, from {origin}, has no effect: {item.no_effect}")

    def warn_once(self, warning: str) -> None:
        """Add to the warnings, unless it is there already."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def origin(self, name: str) -> str:
        """Where the value was written: ``FILE:LINE``, a flag, ``$VARIABLE`` or ``built-in``."""
        if name == "workers" and self._has_one_worker:
            return self.origin("debug")
        return self.settings[name].origin

    def parser(self) -> argparse.ArgumentParser:
        """The command line of these settings."""
        from gunicorn.config import cli  # argparse: not for those who only read settings

        return cli.make_parser(self)

    # -- derived attributes ------------------------------------------------------------------------

    @property
    def _has_one_worker(self) -> bool:
        return bool(self.settings["debug"].value and self.settings["workers"].value > 1)

    @property
    def workers(self) -> int:
        """The number of workers; ``debug`` allows one."""
        return 1 if self._has_one_worker else int(self.settings["workers"].value)

    @property
    def worker_class_str(self) -> str:
        """The worker class as text, for the log."""
        uri = self._worker_class_uri
        return str(uri if isinstance(uri, str) else uri.__name__)

    @property
    def _worker_class_uri(self) -> Any:
        """``worker_class``, or the class that has threads where ``sync`` is to have several."""
        uri = self.settings["worker_class"].value
        return "gthread" if uri == "sync" and self.settings["threads"].value > 1 else uri

    @property
    def worker_class(self) -> Any:
        """The class of the workers, loaded once; its ``setup()`` is called once if it has one."""
        uri = self._worker_class_uri
        return self._class("worker_class", uri, "sync", "gunicorn.workers", "setup")

    @property
    def logger_class(self) -> Any:
        """The class of the logger, loaded once; its ``install()`` is called once if it has one.

        With ``statsd_host`` it is a subclass of that class which sends figures as well.
        """
        uri = self.settings["logger_class"].value
        found = self._class("logger_class", uri, "simple", "gunicorn.loggers", "install")
        if not self.settings["statsd_host"].value:
            return found
        return util.import_name("gunicorn.statsd", "instrument")(found)

    def _class(self, name: str, uri: Any, default: str, section: str, prepare: str) -> Any:
        found = self._classes.get(uri)
        if found is None:
            try:
                found = util.load_class(uri or default, default, section)
            except ConfigError as error:
                origin = self.settings[name].origin
                raise ConfigError(f"{name}, from {origin}: {error}") from error
            if hasattr(found, prepare):
                getattr(found, prepare)()
            self._classes[uri] = found
        return found

    @property
    def address(self) -> list[tuple[str, int] | str | int]:
        """The parsed ``bind``, see :func:`gunicorn.util.parse_address`."""
        return [util.parse_address(text) for text in self.settings["bind"].value]

    @property
    def uid(self) -> int:
        """The number of the workers' user."""
        return int(self.settings["user"].value)

    @property
    def gid(self) -> int:
        """The number of the workers' group."""
        return int(self.settings["group"].value)

    @property
    def proc_name(self) -> str:
        """The name in the process title."""
        return str(self.settings["proc_name"].value or self.settings["default_proc_name"].value)

    @property
    def env(self) -> dict[str, str]:
        """``raw_env`` as a dictionary, and ``django_settings``; a later pair beats an earlier."""
        pairs = (pair.partition("=") for pair in self.settings["raw_env"].value)
        variables = {name: text for name, _, text in pairs}
        if self.settings["django_settings"].value:
            variables["DJANGO_SETTINGS_MODULE"] = self.settings["django_settings"].value
        return variables

    @property
    def is_ssl(self) -> bool:
        """Whether the listeners speak TLS."""
        return bool(self.settings["certfile"].value or self.settings["keyfile"].value)

    @property
    def ssl_version(self) -> int:
        """The protocol constant that plugins give to ``ssl.SSLContext``: any TLS."""
        import ssl  # only plugins that build their own context come here

        return ssl.PROTOCOL_TLS_SERVER

    @property
    def ssl_options(self) -> dict[str, Any]:
        """The TLS settings that are given, by name; empty without TLS."""
        if not self.is_ssl:
            return {}
        names = ("certfile", "keyfile", "ca_certs", "cert_reqs", "ciphers")
        given = {name: self.settings[name].value for name in names}
        options = {name: value for name, value in given.items() if value is not None}
        return options | {"ssl_version": self.ssl_version}

    # -- judgements on the whole -------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What would keep the server from starting with these values, a line each.

        Looks at the machine: files that must exist, classes that must load. Relative paths are
        taken from the current directory, so this comes after ``chdir``.
        """
        found = []
        for name in ("worker_class", "logger_class"):
            try:
                getattr(self, name)
            except ConfigError as error:
                found.append(str(error))
        for name in ("certfile", "keyfile", "ca_certs"):
            path = self.settings[name].value
            if path and not os.path.exists(path):
                found.append(f'{name} "{path}" does not exist, from {self.origin(name)}')
        for name in ("logconfig", "logconfig_json"):
            path = self.settings[name].value
            if path and not os.path.exists(path):
                found.append(f"log config {path!r} not found, from {self.origin(name)}")
        if self.settings["reload"].value:
            found.extend(
                f'reload_extra_files: "{path}" does not exist, '
                f"from {self.origin('reload_extra_files')}"
                for path in self.settings["reload_extra_files"].value
                if not os.path.exists(path)
            )
        if self.is_ssl and not self.settings["certfile"].value:
            found.append(f"keyfile from {self.origin('keyfile')} needs a certfile")
        upload = self.settings["tmp_upload_dir"].value
        if upload and not os.path.isdir(upload):
            found.append(
                f'tmp_upload_dir "{upload}" is not a directory, '
                f"from {self.origin('tmp_upload_dir')}"
            )
        for name in ("forwarded_allow_ips", "proxy_allow_ips"):
            if not self.settings[name].is_default:
                found.extend(self._bad_networks(name))
        return found

    def _bad_networks(self, name: str) -> list[str]:
        import ipaddress  # the defaults need no look

        found = []
        for text in self.settings[name].value:
            try:
                text == "*" or ipaddress.ip_network(text, strict=False)
            except ValueError:
                found.append(f"{name}, from {self.origin(name)}: {text!r} is no address or network")
        return found

    def needing_restart(self, newer: Config) -> list[str]:
        """The settings that differ in ``newer`` and that a reload cannot change."""
        return [
            name
            for name, item in self.settings.items()
            if item.restart and name in newer.settings and newer.settings[name].value != item.value
        ]


def refusal(item: setting.Setting, value: Any, origin: str, reason: str) -> str:
    """The one line about a value that a validator refused."""
    shown, reason = shortened(repr(value), 80), shortened(reason.strip(), 200)
    accepts = item.accepts or validators.ACCEPTS.get(type(item).validator, "")
    line = f"Invalid value for {item.name}: {shown}, from {origin}. {reason}"
    return " ".join(line.split()) + (f"; {item.name} takes {accepts}" if accepts else "")


def shortened(text: str, length: int) -> str:
    """The text, with dots for what goes beyond ``length``."""
    return text if len(text) <= length else f"{text[: length - 3]}..."
