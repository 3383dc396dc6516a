"""The Config object: access, derived attributes, judgements."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from gunicorn.config import AccessLogFormat, Config
from gunicorn.errors import ConfigError


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="No configuration setting for: nothing"):
        _ = Config().nothing


def test_settings_are_written_by_set_alone() -> None:
    cfg = Config()
    with pytest.raises(AttributeError, match="Invalid access!"):
        cfg.workers = 3
    cfg.set("workers", "3")
    assert cfg.workers == 3
    assert cfg.settings["workers"].get() == 3
    assert cfg.origin("workers") == "the program"
    with pytest.raises(AttributeError, match="No configuration setting for: nothing"):
        cfg.set("nothing", 3)


def test_set_raises_what_the_validator_raises() -> None:
    with pytest.raises(ValueError, match=r"^Value must be positive: -1$"):
        Config().set("workers", -1)


def test_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Config().assign("tiemout", 3, "x.py:4")
    assert str(caught.value) == (
        "No setting named 'tiemout', from x.py:4. The nearest setting is 'timeout'"
    )


def test_long_value_is_shortened_in_the_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Config().assign("workers", "x" * 5000, "x.py:4")
    assert len(str(caught.value)) < 500


def test_address() -> None:
    cfg = Config()
    cfg.set("bind", ["unix:/x", "[::1]:80", "fd://3"])
    assert cfg.address == ["/x", ("::1", 80), 3]


def test_proc_name_falls_back() -> None:
    cfg = Config()
    assert cfg.proc_name == "gunicorn"
    cfg.set("default_proc_name", "app")
    assert cfg.proc_name == "app"
    cfg.set("proc_name", "shop")
    assert cfg.proc_name == "shop"


def test_uid_and_gid() -> None:
    cfg = Config()
    cfg.set("user", "7")
    cfg.set("group", 8)
    assert (cfg.uid, cfg.gid) == (7, 8)


def test_env() -> None:
    cfg = Config()
    cfg.set("raw_env", ["A=1=2", "B=", "A=3"])
    assert cfg.env == {"A": "3", "B": ""}


def test_ssl_options_hold_what_is_given() -> None:
    cfg = Config()
    assert not cfg.is_ssl
    assert cfg.ssl_options == {}
    cfg.set("certfile", "c")
    assert cfg.is_ssl
    assert cfg.ssl_options == {
        "certfile": "c",
        "cert_reqs": ssl.CERT_NONE,
        "ssl_version": ssl.PROTOCOL_TLS_SERVER,
    }


def test_default_ssl_context_is_the_factory_s() -> None:
    assert Config().ssl_context(None, lambda: "made") == "made"


def test_access_log_format_equals_its_class_attribute() -> None:
    assert Config().access_log_format == AccessLogFormat.default


class Prepared:
    calls: list[str] = []

    @classmethod
    def setup(cls) -> None:
        cls.calls.append("setup")

    @classmethod
    def install(cls) -> None:
        cls.calls.append("install")


def test_classes_are_loaded_and_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prepared, "calls", [])
    cfg = Config()
    cfg.set("worker_class", "tests.config.test_config.Prepared")
    cfg.set("logger_class", Prepared)
    assert cfg.worker_class is cfg.worker_class
    assert cfg.worker_class.__name__ == "Prepared"
    assert cfg.logger_class is cfg.logger_class
    assert Prepared.calls == ["setup", "install"]
    assert cfg.worker_class_str == "tests.config.test_config.Prepared"
    cfg.set("worker_class", Prepared)
    assert cfg.worker_class_str == "Prepared"


def test_threads_choose_the_class_that_has_them() -> None:
    cfg = Config()
    cfg.set("threads", 4)
    assert cfg.worker_class_str == "gthread"
    assert cfg.worker_class.__name__ == "ThreadWorker"
    cfg.set("worker_class", Prepared)
    assert cfg.worker_class is Prepared


def test_class_that_is_not_found_names_its_source() -> None:
    cfg = Config()
    cfg.assign("worker_class", "snyc", "--worker-class")
    with pytest.raises(ConfigError, match=r"^worker_class, from --worker-class: class uri 'snyc'"):
        _ = cfg.worker_class


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("certfile", "/no/cert", 'certfile "/no/cert" does not exist, from x'),
        ("keyfile", "/no/key", 'keyfile "/no/key" does not exist, from x'),
        ("keyfile", "/dev/null", "keyfile from x needs a certfile"),
        ("tmp_upload_dir", "/no", 'tmp_upload_dir "/no" is not a directory, from x'),
        ("forwarded_allow_ips", "a", "forwarded_allow_ips, from x: 'a' is no address or network"),
        ("proxy_allow_ips", "::1,b", "proxy_allow_ips, from x: 'b' is no address or network"),
        ("logger_class", "nope.Logger", "logger_class, from x: class uri 'nope.Logger'"),
    ],
)
def test_problem_with_the_machine(name: str, value: Any, problem: str) -> None:
    cfg = Config()
    cfg.set("worker_class", Prepared)
    cfg.set("logger_class", Prepared)
    assert cfg.problems() == []
    cfg.assign(name, value, "x")
    assert any(line.startswith(problem) for line in cfg.problems()), cfg.problems()


def test_settings_that_a_reload_cannot_change() -> None:
    old, new = Config(), Config()
    new.set("workers", 5)
    new.set("pythonpath", "/x")
    assert old.needing_restart(new) == ["pythonpath"]


def test_text_lists_every_value(tmp_path: Path) -> None:
    text = str(Config())
    assert len(text.splitlines()) == len(Config().settings)
    assert "workers" in text
