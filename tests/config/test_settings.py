"""Each setting: what a file and a flag may give it, what they may not, and its default."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gunicorn.config import (
    KNOWN_SETTINGS,
    Config,
    Setting,
    make_settings,
    pasteini,
    setting,
    sources,
)
from gunicorn.errors import ConfigError


def hook(*arguments: Any) -> None:
    pass


#: name -> default, [(value in a file, result)], [(flags, result)], [values refused]
ROWS: dict[str, tuple[Any, list[tuple[Any, Any]], list[tuple[str, Any]], list[Any]]] = {
    "config": (None, [], [("-c x.py", "x.py"), ("--config=file:x", "file:x")], []),
    "bind": (
        ["127.0.0.1:8000"],
        [("unix:/x", ["unix:/x"]), ([":80", "[::]:80"], [":80", "[::]:80"]), ([], [])],
        [("-b h:1", ["h:1"]), ("-b h:1 --bind unix:x", ["h:1", "unix:x"])],
        ["h:x", 80, ["h:1", 2]],
    ),
    "backlog": (2048, [(64, 64)], [("--backlog 64", 64)], [-1, "x", None]),
    "workers": (
        1,
        [(4, 4), ("5", 5), ("0xFF", 255), (True, 1), (0, 0)],
        [("-w 4", 4), ("--workers 0x10", 16)],
        [-21, object(), "x", 1.5],
    ),
    "worker_class": (
        "sync",
        [("egg:x#y", "egg:x#y"), (dict, "a class")],
        [("-k sync", "sync"), ("--worker-class a.B", "a.B")],
        [1],
    ),
    "threads": (1, [(9, 9)], [("--threads 9", 9)], [-1]),
    "worker_connections": (1000, [(9, 9)], [("--worker-connections 9", 9)], [-1]),
    "max_requests": (0, [(9, 9)], [("--max-requests 9", 9)], [-1]),
    "max_requests_jitter": (0, [(9, 9)], [("--max-requests-jitter 9", 9)], [-1]),
    "max_worker_rss": (
        0,
        [(9, 9), ("512M", 512 << 20), ("1 K", 1024), ("0x10", 16), ("2g", 2 << 30)],
        [("--max-worker-rss 1K", 1024)],
        [-1, "M", "1T", "1.5G", "-1K", None],
    ),
    "max_worker_age": (0, [(9, 9)], [("--max-worker-age 9", 9)], [-1]),
    "reload_strategy": (
        "generation",
        [("Rolling", "rolling")],
        [("--reload-strategy rolling", "rolling")],
        ["other", 1],
    ),
    "timeout": (30, [(0, 0), ("60", 60)], [("-t 9", 9), ("--timeout 9", 9)], [-1, "1m"]),
    "request_timeout": (0, [("9", 9)], [("--request-timeout 9", 9)], [-1, "1m"]),
    "graceful_timeout": (30, [(9, 9)], [("--graceful-timeout 9", 9)], [-1]),
    "boot_timeout": (60, [(9, 9)], [("--boot-timeout 9", 9)], [-1]),
    "keepalive": (2, [(0, 0)], [("--keep-alive 9", 9)], [-1]),
    "limit_request_line": (4094, [(0, 0)], [("--limit-request-line 9", 9)], [-1]),
    "limit_request_fields": (100, [(9, 9)], [("--limit-request-fields 9", 9)], [-1]),
    "limit_request_field_size": (
        8190,
        [(9, 9)],
        [("--limit-request-field_size 9", 9), ("--limit-request-field-size 9", 9)],
        [-1],
    ),
    **{
        name: (False, [(True, True), ("true", True)], [(flag, True)], [1, "yes", None])
        for name, flag in {
            "permit_obsolete_folding": "--permit-obsolete-folding",
            "strip_header_spaces": "--strip-header-spaces",
            "permit_unconventional_http_method": "--permit-unconventional-http-method",
            "permit_unconventional_http_version": "--permit-unconventional-http-version",
            "casefold_http_method": "--casefold-http-method",
            "debug": "--debug",
            "spew": "--spew",
            "check_config": "--check-config",
            "daemon": "-D",
            "initgroups": "--initgroups",
            "preload_app": "--preload",
            "proxy_protocol": "--proxy-protocol",
            "capture_output": "--capture-output",
            "enable_stdio_inheritance": "-R",
            "print_config": "--print-config",
            "reload": "--reload",
            "reuse_port": "--reuse-port",
            "syslog": "--log-syslog",
            "disable_redirect_access_to_syslog": "--disable-redirect-access-to-syslog",
            "do_handshake_on_connect": "--do-handshake-on-connect",
        }.items()
    },
    "pidfile": (None, [("x", "x"), (Path("x"), "x")], [("-p x", "x"), ("--pid x", "x")], [1]),
    "user": (
        os.geteuid(),
        [(None, os.geteuid()), ("root", 0), (7, 7)],
        [("-u root", 0), ("--user 7", 7)],
        ["no such user", 1.5],
    ),
    "group": (
        os.getegid(),
        [(None, os.getegid()), ("root", 0), (7, 7)],
        [("-g root", 0), ("--group 7", 7)],
        ["no such group", 1.5],
    ),
    "umask": (
        0,
        [(0o22, 18), ("022", 18), ("0022", 18), ("0x12", 18), ("18", 18)],
        [("-m 022", 18), ("--umask 0x12", 18), ("-m 18", 18)],
        [-1, "rwx", "0999"],
    ),
    "chdir": (str(Path.cwd()), [("/", "/")], [("--chdir /", "/")], ["/no/such/place", 1]),
    "raw_env": (
        [],
        [(["A=1", "B=2"], ["A=1", "B=2"]), ({"A": "1"}, ["A=1"]), ("A=1,2", ["A=1,2"])],
        [("-e A=1 --env B=2", ["A=1", "B=2"])],
        ["A", [1]],
    ),
    "pythonpath": (None, [("a,b", "a,b")], [("--pythonpath a,b", "a,b")], [["a"]]),
    "tmp_upload_dir": (None, [("/tmp", "/tmp")], [("--tmp-upload-dir /tmp", "/tmp")], [1]),
    "sendfile": (True, [(False, False), ("false", False)], [("--no-sendfile", False)], [0]),
    "secure_scheme_headers": (
        {"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"},
        [({"A": "b"}, {"A": "b"}), ({}, {})],
        [],
        ["https", None],
    ),
    "x_forwarded_for_header": (
        "X-FORWARDED-FOR",
        [("X-Real-IP", "X-Real-IP"), ("", ""), (None, None)],
        [("--x-forwarded-for-header X-Real-IP", "X-Real-IP")],
        [1],
    ),
    "forwarded_allow_ips": (
        ["127.0.0.1", "::1"],
        [("a,b", ["a", "b"]), ("", []), (None, []), ("*", ["*"]), (["::1"], ["::1"])],
        [("--forwarded-allow-ips 10.0.0.0/8", ["10.0.0.0/8"])],
        [1],
    ),
    "forwarder_headers": (
        ["SCRIPT_NAME", "PATH_INFO"],
        [("", [])],
        [("--forwarder-headers REMOTE_USER", ["REMOTE_USER"])],
        [1],
    ),
    "header_map": (
        "drop",
        [("refuse", "refuse"), ("Dangerous", "dangerous")],
        [("--header-map refuse", "refuse")],
        ["keep", None],
    ),
    "proxy_allow_ips": (
        ["127.0.0.1", "::1"],
        [("*", ["*"])],
        [("--proxy-allow-from 10.1.1.1", ["10.1.1.1"])],
        [1],
    ),
    "accesslog": (None, [("-", "-")], [("--access-logfile x", "x")], [1]),
    "access_log_format": (
        '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
        [("%(r)s", "%(r)s")],
        [("--access-logformat %(r)s", "%(r)s")],
        [None, 1],
    ),
    "errorlog": (
        "-",
        [("x", "x"), (None, "-"), ("", "-")],
        [("--error-logfile x", "x"), ("--log-file x", "x")],
        [1],
    ),
    "loglevel": (
        "info",
        [("DEBUG", "debug"), ("critical", "critical")],
        [("--log-level WARNING", "warning")],
        ["loud", 10],
    ),
    "logger_class": (
        "simple",
        [("a.B", "a.B")],
        [("--logger-class a.B", "a.B")],
        [1],
    ),
    "proc_name": (None, [(" foo ", "foo")], [("-n foo", "foo"), ("--name foo", "foo")], [2]),
    "default_proc_name": ("gunicorn", [("x", "x")], [], [2]),
    "keyfile": (None, [("x", "x")], [("--keyfile x", "x")], [1]),
    "certfile": (None, [("x", "x")], [("--certfile x", "x")], [1]),
    "ca_certs": (None, [("x", "x")], [("--ca-certs x", "x")], [1]),
    "cert_reqs": (0, [(2, 2), ("1", 1)], [("--cert-reqs 2", 2)], [3, None]),
    "ciphers": (None, [("AES", "AES")], [("--ciphers AES", "AES")], [1]),
    "wsgi_app": (None, [("shop:app", "shop:app"), ("make('x')", "make('x')")], [], [1]),
    "django_settings": (None, [(" a.b ", "a.b")], [("--settings a.b", "a.b")], [1]),
    "paste": (
        None,
        [("/x.ini#admin", "/x.ini#admin"), ("", None), (None, None)],
        [("--paste /x.ini", "/x.ini"), ("--paster /x.ini", "/x.ini")],
        [1],
    ),
    "raw_paste_global_conf": (
        [],
        [(["a=1", "b="], ["a=1", "b="]), ("a=1", ["a=1"])],
        [("--paste-global a=1 --paste-global b=2", ["a=1", "b=2"])],
        ["a", "=1", [1]],
    ),
    "reload_engine": (
        "auto",
        [("poll", "poll"), ("Inotify", "inotify")],
        [("--reload-engine poll", "poll")],
        ["watch", None],
    ),
    "reload_extra_files": (
        [],
        [(["a", "b"], ["a", "b"]), ("a,b", ["a,b"]), (None, [])],
        [("--reload-extra-file a --reload-extra-file b", ["a", "b"])],
        [1, {"a": "b"}],
    ),
    "worker_tmp_dir": (None, [("/dev/shm", "/dev/shm")], [("--worker-tmp-dir x", "x")], [1]),
    "suppress_ragged_eofs": (
        True,
        [(False, False), ("true", True)],
        [("--suppress-ragged-eofs", True), ("--no-suppress-ragged-eofs", False)],
        [0, None],
    ),
    "logconfig": (None, [("x.ini", "x.ini")], [("--log-config x.ini", "x.ini")], [1, {}]),
    "logconfig_json": (None, [("x", "x")], [("--log-config-json x", "x")], [1, {}]),
    "logconfig_dict": ({}, [({"version": 1}, {"version": 1})], [], ["x", None]),
    "syslog_addr": (
        "udp://localhost:514",
        [
            ("udp://", "udp://"),
            ("udp://[::1]:99", "udp://[::1]:99"),
            ("tcp://log.example", "tcp://log.example"),
            ("unix:///dev/log", "unix:///dev/log"),
            ("unix:///dev/log#stream", "unix:///dev/log#stream"),
        ],
        [("--log-syslog-to udp://h:1", "udp://h:1")],
        ["localhost", "udp://h:x", "unix://", "unix:///dev/log#both", "udp://h:70000", 1, None],
    ),
    "syslog_prefix": (None, [("shop", "shop")], [("--log-syslog-prefix shop", "shop")], [1]),
    "syslog_facility": (
        "user",
        [("LOCAL7", "local7"), ("security", "security")],
        [("--log-syslog-facility daemon", "daemon")],
        ["local8", None],
    ),
    "statsd_host": (
        None,
        [("h:1", "h:1"), ("h", "h"), ("unix:///s", "unix:///s"), ("", None), (None, None)],
        [("--statsd-host [::1]:8125", "[::1]:8125")],
        ["h:x", 1],
    ),
    "statsd_prefix": ("", [("shop", "shop")], [("--statsd-prefix shop", "shop")], [1]),
    "dogstatsd_tags": ("", [("a:b,c", "a:b,c")], [("--dogstatsd-tags a:b", "a:b")], [1]),
    "control_socket": (None, [("x", "x")], [("--control-socket x", "x")], [1]),
    "control_socket_mode": (
        0o600,
        [("0660", 0o660), (0o660, 0o660)],
        [("--control-socket-mode 660", 0o660)],
        ["rw", 0o1000],
    ),
}

HOOKS = {
    "ssl_context": 2,
    "on_starting": 1,
    "on_reload": 1,
    "when_ready": 1,
    "pre_fork": 2,
    "post_fork": 2,
    "pre_exec": 1,
    "post_worker_init": 1,
    "worker_int": 1,
    "worker_abort": 1,
    "pre_request": 2,
    "post_request": 4,
    "child_exit": 2,
    "worker_exit": 2,
    "nworkers_changed": 3,
    "on_exit": 1,
}


def stored(cfg: Config, name: str) -> Any:
    return cfg.settings[name].value


def test_table_holds_every_setting() -> None:
    assert set(ROWS) | set(HOOKS) == {cls.name for cls in KNOWN_SETTINGS}


@pytest.mark.parametrize("name", ROWS)
def test_default(name: str) -> None:
    assert stored(Config(), name) == ROWS[name][0]


@pytest.mark.parametrize("cls", KNOWN_SETTINGS, ids=lambda cls: cls.name)
def test_default_passes_its_own_validator(cls: type[Setting]) -> None:
    cls().set(cls.default)


@pytest.mark.parametrize("cls", KNOWN_SETTINGS, ids=lambda cls: cls.name)
def test_declaration_is_complete(cls: type[Setting]) -> None:
    item = cls()
    assert item.section
    assert item.short.endswith((".", ":")) or item.name in HOOKS
    assert not item.cli or item.flag.startswith("--")


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [(name, value, result) for name, row in ROWS.items() for value, result in row[1]],
)
def test_value_from_a_file(tmp_path: Path, name: str, value: Any, result: Any) -> None:
    cfg = Config()
    if isinstance(value, (str, int, list, dict, type(None))):
        path = tmp_path / "conf.py"
        path.write_text(f"\n{name} = {value!r}\n")
        sources.apply_file(cfg, str(path))
        assert cfg.origin(name) == f"{path}:2"
    else:
        cfg.set(name, value)
    assert stored(cfg, name) == (value if result == "a class" else result)


@pytest.mark.parametrize(
    ("name", "line", "result"),
    [(name, line, result) for name, row in ROWS.items() for line, result in row[2]],
)
def test_value_from_a_flag(name: str, line: str, result: Any) -> None:
    cfg = Config()
    sources.apply_arguments(cfg, cfg.parser().parse_args(shlex.split(line)))
    assert stored(cfg, name) == result
    assert cfg.origin(name) == cfg.settings[name].flag


def apply_ini(tmp_path: Path, cfg: Config, name: str, text: str) -> str:
    """Give ``cfg`` one line of a PasteDeploy file, as its [server:main] does; returns its place."""
    path = tmp_path / "site.ini"
    escaped = text.replace("%", "%%")
    path.write_text(f"[server:main]\n{name} = {escaped}\n")
    values, warnings = pasteini.read_settings(pasteini.Ini(str(path), {}), cfg.settings)
    assert warnings == []
    for key, (value, place) in values.items():
        cfg.assign(key, value, place)
    return f"{path}:2"


#: what an INI file can say: one line of text, not empty at its ends
def is_ini_text(name: str, value: object) -> bool:
    return name != "config" and isinstance(value, (str, int)) and str(value).strip() != ""


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        (name, value, result)
        for name, row in ROWS.items()
        for value, result in row[1]
        if is_ini_text(name, value) and not (isinstance(value, bool) and result is not value)
    ],
)
def test_value_from_an_ini_file(tmp_path: Path, name: str, value: Any, result: Any) -> None:
    cfg = Config()
    # a mode in text is octal, as chmod has it
    is_mode = name.endswith("_mode") and isinstance(value, int)
    place = apply_ini(tmp_path, cfg, name, f"{value:o}" if is_mode else str(value))
    assert stored(cfg, name) == result
    assert cfg.origin(name) == place


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, row in ROWS.items()
        for value in row[3]
        if isinstance(value, str) and is_ini_text(name, value)
    ],
)
def test_refused_value_from_an_ini_file(tmp_path: Path, name: str, value: str) -> None:
    cfg = Config()
    with pytest.raises(ConfigError) as caught:
        apply_ini(tmp_path, cfg, name, value)
    assert f"from {tmp_path}/site.ini:2. " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, row in ROWS.items() for value in row[3]]
)
def test_refused_value_is_explained_on_one_line(name: str, value: Any) -> None:
    cfg = Config()
    with pytest.raises(ConfigError) as caught:
        cfg.assign(name, value, "site.py:7")
    text = str(caught.value)
    assert text.startswith(f"Invalid value for {name}: ")
    assert ", from site.py:7. " in text
    assert f"; {name} takes " in text
    assert "\n" not in text
    assert stored(cfg, name) == ROWS[name][0]
    assert cfg.origin(name) == "built-in"


@pytest.mark.parametrize("cls", KNOWN_SETTINGS, ids=lambda cls: cls.name)
def test_scalar_has_a_flag(cls: type[Setting]) -> None:
    # APP_MODULE is the command line's form of wsgi_app
    without = {"secure_scheme_headers", "logconfig_dict", "default_proc_name", "wsgi_app", *HOOKS}
    assert bool(cls.cli) == (cls.name not in without)


@pytest.mark.parametrize(("name", "arity"), HOOKS.items())
def test_hook_takes_its_arguments(name: str, arity: int) -> None:
    cfg = Config()
    assert cfg.settings[name].is_default
    cfg.assign(name, hook, "x")
    assert getattr(cfg, name) is hook
    assert not cfg.settings[name].is_default
    parameters = ", ".join(f"p{number}" for number in range(arity + 1))
    with pytest.raises(ConfigError, match="Value must have an arity of"):
        cfg.assign(name, eval(f"lambda {parameters}: None"), "x")
    with pytest.raises(ConfigError, match="not callable"):
        cfg.assign(name, None, "x")


def test_setting_without_effect_is_told_once() -> None:
    cfg = Config()
    cfg.assign("worker_tmp_dir", None, "x.py:1")
    assert cfg.warnings == []
    cfg.assign("worker_tmp_dir", "/dev/shm", "x.py:1")
    cfg.assign("worker_tmp_dir", "/dev/shm", "x.py:1")
    assert len(cfg.warnings) == 1
    assert cfg.warnings[0].startswith("worker_tmp_dir, from x.py:1, has no effect: ")


def test_debug_allows_one_worker() -> None:
    cfg = Config()
    cfg.assign("workers", 4, "--workers")
    cfg.assign("debug", True, "--debug")
    assert (cfg.workers, cfg.origin("workers")) == (1, "--debug")
    cfg.assign("workers", 0, "--workers")
    assert (cfg.workers, cfg.origin("workers")) == (0, "--workers")


def test_hook_by_import_path() -> None:
    cfg = Config()
    cfg.assign("pre_fork", "tests.config.test_settings.hook", "x")
    assert cfg.pre_fork is hook


def test_default_pre_request_logs_method_and_path() -> None:
    seen = []

    class Log:
        def debug(self, message: str, *arguments: object) -> None:
            seen.append(message % arguments)

    worker = argparse.Namespace(log=Log())
    Config().pre_request(worker, argparse.Namespace(method="GET", path="/x"))
    assert seen == ["GET /x"]


# -- third parties ---------------------------------------------------------------------------------


def test_subclass_registers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting, "KNOWN_SETTINGS", list(KNOWN_SETTINGS))

    def validate_even(value: Any) -> int:
        if int(value) % 2:
            raise ValueError(f"Odd: {value}")
        return int(value)

    class Shoes(Setting):
        name = "shoes"
        section = "Wardrobe"
        cli = ["--shoes"]
        meta = "INT"
        validator = validate_even
        type = int
        default = 2
        desc = """The number of shoes."""

    cfg = Config()
    assert cfg.shoes == 2
    sources.apply_arguments(cfg, cfg.parser().parse_args(["--shoes", "4"]))
    assert (cfg.shoes, cfg.origin("shoes")) == (4, "--shoes")
    with pytest.raises(ConfigError, match="Odd: 3"):
        cfg.assign("shoes", 3, "x")
    assert Shoes.order == len(KNOWN_SETTINGS)


def test_make_settings_ignores() -> None:
    made = make_settings(ignore=["bind"])
    assert "bind" not in made
    assert made["workers"].get() == 1
    assert list(make_settings()) == [cls.name for cls in KNOWN_SETTINGS]


def test_values_are_not_shared_between_configurations() -> None:
    one, other = Config(), Config()
    one.bind.append("x")
    one.secure_scheme_headers["A"] = "b"
    one.raw_env.append("A=1")
    assert other.bind == ["127.0.0.1:8000"]
    assert "A" not in other.secure_scheme_headers
    assert other.raw_env == []


def test_importing_the_settings_is_light() -> None:
    heavy = [
        "ssl",
        "asyncio",
        "logging",
        "argparse",
        "inspect",
        "pathlib",
        "typing",
        "socket",
        "re",
    ]
    program = (
        "import sys; before = set(sys.modules); import gunicorn.config; "
        f"print([n for n in {heavy} if n in sys.modules and n not in before])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
