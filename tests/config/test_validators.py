"""Every form that a kind of value accepts and refuses, whatever the setting."""

from __future__ import annotations

import functools
import os
import pathlib
from typing import Any

import pytest

from gunicorn.config import validators as v
from gunicorn.errors import ConfigError

ACCEPTED: list[tuple[Any, Any, Any]] = [
    (v.validate_bool, True, True),
    (v.validate_bool, False, False),
    (v.validate_bool, "true", True),
    (v.validate_bool, " False ", False),
    (v.validate_pos_int, 4, 4),
    (v.validate_pos_int, "5", 5),
    (v.validate_pos_int, " 5 ", 5),
    (v.validate_pos_int, "0xFF", 255),
    (v.validate_pos_int, True, 1),
    (v.validate_pos_int, 0, 0),
    (v.validate_umask, "0", 0),
    (v.validate_umask, 0o22, 0o22),
    (v.validate_umask, "022", 0o22),
    (v.validate_umask, "0022", 0o22),
    (v.validate_umask, "0o22", 0o22),
    (v.validate_umask, "0x12", 0o22),
    (v.validate_umask, "18", 0o22),
    (v.validate_mode, "660", 0o660),
    (v.validate_mode, "0660", 0o660),
    (v.validate_mode, "0o660", 0o660),
    (v.validate_mode, 0o660, 0o660),
    (v.validate_string, None, None),
    (v.validate_string, " foo ", "foo"),
    (v.validate_string, "", ""),
    (v.validate_text, " foo ", "foo"),
    (v.validate_path, pathlib.Path("/a/b"), "/a/b"),
    (v.validate_path, " /a ", "/a"),
    (v.validate_path, None, None),
    (v.validate_list_string, None, []),
    (v.validate_list_string, "", []),
    (v.validate_list_string, "a,b", ["a,b"]),
    (v.validate_list_string, ["a ", " b"], ["a", "b"]),
    (v.validate_list_string, ("a",), ["a"]),
    (v.validate_list_string, iter(["a"]), ["a"]),
    (v.validate_string_to_list, None, []),
    (v.validate_string_to_list, "", []),
    (v.validate_string_to_list, "a,b", ["a", "b"]),
    (v.validate_string_to_list, " a ,, b ", ["a", "b"]),
    (v.validate_string_to_list, ["a", " b"], ["a", "b"]),
    (v.validate_dict, {"a": 1}, {"a": 1}),
    (v.validate_bind, "localhost", ["localhost"]),
    (v.validate_bind, ["unix:/x", "[::1]:80"], ["unix:/x", "[::1]:80"]),
    (v.validate_environment, ["A=1", "B="], ["A=1", "B="]),
    (v.validate_environment, {"A": "1"}, ["A=1"]),
    (v.validate_class, dict, dict),
    (v.validate_class, lambda: dict, dict),
    (v.validate_class, lambda: " sync ", "sync"),
    (v.validate_class, "sync", "sync"),
    (v.validate_choice("drop", "refuse"), "DROP", "drop"),
    (v.validate_cert_reqs, 2, 2),
    (v.validate_user, None, os.geteuid()),
    (v.validate_user, 65534, 65534),
    (v.validate_user, "65534", 65534),
    (v.validate_user, "root", 0),
    (v.validate_group, None, os.getegid()),
    (v.validate_group, "root", 0),
    (v.validate_group, "0", 0),
]

REFUSED: list[tuple[Any, Any, type[Exception], str]] = [
    (v.validate_bool, 1, TypeError, "Invalid type for casting: 1"),
    (v.validate_bool, 0, TypeError, "Invalid type for casting: 0"),
    (v.validate_bool, None, TypeError, "Invalid type for casting: None"),
    (v.validate_bool, "yes", ValueError, "Invalid boolean: yes"),
    (v.validate_bool, "1", ValueError, "Invalid boolean: 1"),
    (v.validate_bool, "", ValueError, "Invalid boolean: "),
    (v.validate_bool, "zilch", ValueError, "Invalid boolean: zilch"),
    (v.validate_pos_int, -21, ValueError, "Value must be positive: -21"),
    (v.validate_pos_int, "-1", ValueError, "Value must be positive: -1"),
    (v.validate_pos_int, None, TypeError, "Not a whole number"),
    (v.validate_pos_int, 1.5, TypeError, "Not a whole number"),
    (v.validate_pos_int, object(), TypeError, "Not a whole number"),
    (v.validate_pos_int, "abc", ValueError, "Not a whole number: 'abc'"),
    (v.validate_pos_int, "", ValueError, "Not a whole number"),
    (v.validate_umask, "089", ValueError, "089"),
    (v.validate_umask, 0o1000, ValueError, "Not a file mode"),
    (v.validate_umask, -1, ValueError, "Value must be positive: -1"),
    (v.validate_mode, "0999", ValueError, "Not a file mode: '0999'"),
    (v.validate_string, 2, TypeError, "Not a string: 2"),
    (v.validate_text, None, TypeError, "Not a string: None"),
    (v.validate_list_string, ["a", 2], TypeError, "Not a string: 2"),
    (v.validate_list_string, 2, TypeError, "Not a list of strings: 2"),
    (v.validate_list_string, {"a": 1}, TypeError, "Not a list of strings"),
    (v.validate_list_string, b"a", TypeError, "Not a list of strings"),
    (v.validate_string_to_list, 2, TypeError, "Not a string: 2"),
    (v.validate_string_to_list, ["a", 2], TypeError, "Not a string: 2"),
    (v.validate_dict, [], TypeError, "Value is not a dictionary: []"),
    (v.validate_bind, "h:xx", ValueError, "'xx' is not a valid port number."),
    (v.validate_bind, "h:65536", ValueError, "'65536' is not a valid port number."),
    (v.validate_environment, ["A"], ValueError, "NAME=VALUE: 'A'"),
    (v.validate_environment, ["=1"], ValueError, "NAME=VALUE: '=1'"),
    (v.validate_environment, ["A=\0"], ValueError, "NUL"),
    (v.validate_class, 2, TypeError, "Not a string: 2"),
    (v.validate_choice("drop"), "dorp", ValueError, "Invalid choice: 'dorp'"),
    (v.validate_choice("drop"), None, TypeError, "Not a string: None"),
    (v.validate_cert_reqs, 3, ValueError, "Invalid choice: 3"),
    (v.validate_user, "no such user", ConfigError, "No such user: 'no such user'"),
    (v.validate_user, -1, ValueError, "Value must be positive: -1"),
    (v.validate_user, 1.5, TypeError, "Neither a name nor a number"),
    (v.validate_user, True, TypeError, "Neither a name nor a number"),
    (v.validate_group, "no such group", ConfigError, "No such group: 'no such group'"),
    (v.validate_chdir, "/no/such/place", ValueError, "Not a directory: '/no/such/place'"),
]


@pytest.mark.parametrize(("validator", "value", "result"), ACCEPTED)
def test_accepted_form_becomes(validator: Any, value: Any, result: Any) -> None:
    found = validator(value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(("validator", "value", "error", "text"), REFUSED)
def test_refused_form_says_why(validator: Any, value: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        validator(value)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_chdir_is_made_absolute(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path)
    assert v.validate_chdir("site") == str(tmp_path / "site")


# -- hooks -----------------------------------------------------------------------------------------


class Hooks:
    def bound(self, one: Any, two: Any) -> str:
        return "bound"

    def __call__(self, one: Any, two: Any) -> str:
        return "called"

    @staticmethod
    def static(one: Any, two: Any) -> str:
        return "static"


def takes_any(*arguments: Any) -> str:
    return "any"


def takes_default(one: Any, two: Any, three: Any = None) -> str:
    return "default"


def takes_three(one: Any, two: Any, three: Any) -> str:
    return "three"


@pytest.mark.parametrize(
    "hook",
    [
        lambda one, two: None,
        Hooks().bound,
        Hooks(),
        Hooks.static,
        takes_any,
        takes_default,
        functools.partial(takes_three, 1),
        isinstance,
        "tests.config.test_validators.takes_any",
    ],
)
def test_hook_of_two_is_what_can_be_called_with_two(hook: Any) -> None:
    assert callable(v.validate_callable(2)(hook))


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        (1, "Value is not callable: 1"),
        (None, "Value is not callable: None"),
        (lambda one: None, "Value must have an arity of: 2"),
        (takes_three, "Value must have an arity of: 2"),
        (Hooks.bound, "Value must have an arity of: 2"),
        ("nodots", "Not an import path: 'nodots'"),
    ],
)
def test_other_hook_is_refused(hook: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        v.validate_callable(2)(hook)
    assert str(caught.value) == text


@pytest.mark.parametrize("path", ["no_such_module.hook", "tests.config.test_validators.nothing"])
def test_hook_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Cannot import"):
        v.validate_callable(2)(path)


@pytest.mark.parametrize(
    "hook",
    [
        lambda worker, req: ("seen", worker, req),
        lambda worker, req, environ: ("seen", worker, req),
        lambda worker, req, environ, resp: ("seen", worker, req),
        lambda *arguments: ("seen", *arguments[:2]),
    ],
)
def test_post_request_is_adapted_to_four(hook: Any) -> None:
    assert v.validate_post_request(hook)(1, 2, 3, 4) == ("seen", 1, 2)


@pytest.mark.parametrize("hook", [lambda: None, lambda a: None, lambda a, b, c, d, e: None])
def test_post_request_of_another_arity_is_refused(hook: Any) -> None:
    with pytest.raises(TypeError, match="Value must have an arity of: 4"):
        v.validate_post_request(hook)
