from __future__ import annotations

import pytest

from gunicorn.sites import fleet
from gunicorn.sites.site import SiteError, read_site
from tests.sites.conftest import GOOD, Machine


def test_the_example_of_the_manual(machine: Machine) -> None:
    site = machine.site(
        """
        app     = "shop.wsgi:application"
        user    = "shop"
        chdir   = "/srv/shop"
        python  = "/srv/shop/venv"
        bind    = ["unix:/run/gunicorn/shop/socket", "[::]:80"]
        workers = 4
        timeout = 30
        writable = ["/srv/shop/media"]

        [env]
        DJANGO_SETTINGS_MODULE = "shop.settings"
        WEB_DEBUG = 0

        [limits]
        memory_max = "2G"
        nofile = 4096
        """
    )
    assert (site.name, site.app, site.user, site.group) == (
        "shop",
        "shop.wsgi:application",
        "shop",
        None,
    )
    assert (site.start, site.mode, site.socket_group, site.socket_mode) == (
        "auto",
        "wsgi",
        "www-data",
        0o660,
    )
    assert site.settings == {
        "bind": ["unix:/run/gunicorn/shop/socket", "[::]:80"],
        "workers": 4,
        "timeout": 30,
    }
    assert site.env == {"DJANGO_SETTINGS_MODULE": "shop.settings", "WEB_DEBUG": "0"}
    assert site.limits == {"memory_max": "2G", "nofile": "4096"}
    assert site.writable == ("/srv/shop/media",)
    assert site.privileged_ports == [80]


def test_defaults_are_overridden_key_by_key_also_inside_tables(machine: Machine) -> None:
    defaults = machine.defaults(
        'user = "www"\nworkers = 2\ntimeout = 90\n[env]\nLANG = "C.UTF-8"\nTZ = "UTC"\n'
    )
    site = machine.site('app = "a:b"\nworkers = 5\n[env]\nTZ = "Europe/Oslo"\n')
    assert site.user == "www"
    assert site.settings == {"workers": 5, "timeout": 90}
    assert site.env == {"LANG": "C.UTF-8", "TZ": "Europe/Oslo"}
    assert site.place("timeout") == f"{defaults}:3"
    assert site.place("workers") == f"{site.path}:2"
    assert site.place("env", "TZ") == f"{site.path}:4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "tiemout = 5\n", "3: unknown key tiemout: did you mean timeout?"),
        (GOOD + "qqqqqqqq = 5\n", "3: unknown key qqqqqqqq"),
        (GOOD + "[evn]\nA = 'b'\n", "3: unknown key evn: did you mean env?"),
        (GOOD + "[limits]\nmemory = '1G'\n", "4: unknown limit memory: did you mean memory_max?"),
        (GOOD + "[env]\nA = '1'\nworkers = 4\n",
         "5: workers stands below [env], so it is a variable: move it above the line [env]"),
        ("app = 'a:b'\n",
         '1: user is missing: the account the site runs as, for example user = "shop"'),
        ('user = "a"\n', '1: app is missing, for example app = "shop.wsgi:application"'),
        (GOOD + "workers = -1\n",
         "3: workers: Value must be positive: -1; expected a whole number, 0 or more"),
        (GOOD + "timeout = 2.5\n",
         "3: timeout: Not a whole number: 2.5; expected a whole number, 0 or more"),
        (GOOD + "daemon = true\n",
         "3: daemon: not in a site file: the site's unit keeps it in the foreground"),
        (GOOD + "pre_fork = 'os.system'\n",
         '3: pre_fork: hooks are Python: write them into a file and name it with config = "..."'),
        (GOOD + "mode = 'rails'\n", "3: mode: 'rails' is no mode; there is wsgi, django, paster"),
        (GOOD + "mode = 'django'\n",
         "1: app: the settings module of the project is expected: shop.settings"),
        (GOOD + "mode = 'paster'\n",
         "1: app: the absolute path of a PasteDeploy file is expected: /srv/shop/production.ini"),
        (GOOD + "start = 'yes'\n", "3: start: 'yes' is not one of auto, manual, disabled"),
        (GOOD + "chdir = 'srv'\n", "3: chdir: an absolute path is expected, not 'srv'"),
        (GOOD + "python = '/srv/../etc'\n",
         "3: python: '..' has no place in a path of a site file"),
        (GOOD + "socket_mode = 660\n",
         '3: socket_mode: read and write bits only, in octal: "0660", not 660 (0o1224)'),
        (GOOD + "[limits]\nmemory_max = 'lots'\n",
         '4: limits.memory_max: an amount of memory is expected: "512M", "2G", "25%", "infinity"'),
        ('app = "a:b"\nuser = "root"\n', "2: user: a site never runs as root"),
        ('app = "a:b"\nuser = 1000\n', "2: user: a quoted string is expected, not the number 1000"),
        ('app = "a:b"\nuser = "a\\nb"\n',
         "2: user: it holds a line break or another control character"),
        ('app = "a:b"\nuser = "%n"\n', "2: user: '%n' is no account name"),
        ('app = "shop.py"\nuser = "a"\n',
         "1: app: a module is expected, not a file: module:name"),
        (GOOD + '[env]\nKEY = "a\\nUser=root"\n',
         "4: env.KEY: it holds a line break or another control character"),
        (GOOD + '[env]\n"A=B" = "c"\n', "4: env.A=B: it is no name of an environment variable"),
        (GOOD + '[env]\nNOTIFY_SOCKET = "/x"\n',
         "4: env.NOTIFY_SOCKET: it belongs to the service manager"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_line_and_reason(
    machine: Machine, text: str, expected: str
) -> None:
    assert machine.problems(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app = shop.wsgi:application\n", '1: strings are quoted: app = "shop.wsgi:application"'),
        ("# c\nuser = shop # who\n", '2: strings are quoted: user = "shop"'),
        ("bind = 127.0.0.1:8000\n", '1: strings are quoted: bind = "127.0.0.1:8000"'),
        ("socket_mode = 0660\n", '1: strings are quoted: socket_mode = "0660"'),
        ("bind = [unix:/x, '[::]:80']\n",
         '1: strings are quoted, also in a list: bind = ["...", "..."]'),
        ("sendfile = True\n", "1: write sendfile = true"),
        ("sendfile = no\n", "1: write sendfile = false"),
        ("accesslog = None\n", "1: there is no None here: leave accesslog out for its default"),
        ('app = "a:b\nuser = "x"\n', '1: the quote is not closed: app = "a:b"'),
        ("workers =\n", "1: workers has no value"),
        ("workers: 4\n", "1: a setting is written workers = value"),
        ("CONFIG = {\n  'user': 'x'\n}\n",
         '1: this is the old Python form; write one setting a line: app = "module:name"'),
        ("workers = 4\nworkers = 5\n", "2: this is given twice in the file"),
        ("[env]\nA = '1'\n[env]\n", "3: this is given twice in the file"),
        ('a = "1"\n\n\na = "2"\n', "4: this is given twice in the file"),
        ("bind = [\n  '1',\n", "2: the file ends inside a value: a quote or bracket is not closed"),
        (b"app = '\xff'\n", "1: the file is not UTF-8 text"),
    ],
)  # fmt: skip
def test_broken_toml_is_explained_on_its_line(
    machine: Machine, text: str | bytes, expected: str
) -> None:
    assert machine.problems(text) == [expected]


def test_every_problem_is_told_in_one_go(machine: Machine) -> None:
    problems = machine.problems("user = 'root'\ntiemout = 5\nworkers = 'x'\n")
    assert [line.split(":")[0] for line in problems] == ["1", "2", "3", "1"]


def test_a_key_inside_a_text_is_not_taken_for_its_line(machine: Machine) -> None:
    problems = machine.problems(GOOD + 'proc_name = """\nworkers = 1\n"""\nworkers = -1\n')
    assert problems[0].startswith("6: workers:")


def test_nothing_of_a_site_is_imported_by_checking_it(machine: Machine) -> None:
    site = machine.site(GOOD + 'worker_class = "no.such.Worker"\nlogger_class = "no.such.Logger"\n')
    assert site.settings["worker_class"] == "no.such.Worker"


@pytest.mark.parametrize("name", ["..", ".", "a/b", "sh%op", "my site", "Shop", "", "-x", "a" * 65])
def test_a_bad_name_never_becomes_a_path(machine: Machine, name: str) -> None:
    with pytest.raises(SiteError, match="is no site name"):
        read_site(name, machine.paths, machine.rules)


def test_the_name_of_the_supervisor_is_reserved(machine: Machine) -> None:
    machine.write("supervisor.conf", GOOD)
    assert fleet.site_names(machine.paths) == []
    assert "reserved" in fleet.odd_files(machine.paths)[0]


def test_leftovers_are_passed_over_in_silence_and_odd_names_are_told(machine: Machine) -> None:
    leftovers = [
        "shop.conf~", "shop.conf.bak", "shop.conf.dpkg-new", "shop.dpkg-old.conf", ".shop.conf",
        "_shop.conf", "shop.conf.ucf-dist", "README", "#shop.conf#", "shop.bak.conf",
    ]  # fmt: skip
    for filename in leftovers:
        machine.write(filename, "nonsense")
    for filename in ("shop.conf", "my-blog.v2.conf", "Shop.conf", "sh%op.conf", "..conf"):
        machine.write(filename, GOOD)
    assert fleet.site_names(machine.paths) == ["my-blog.v2", "shop"]
    told = fleet.odd_files(machine.paths)
    assert [("Shop.conf" in line, "sh%op.conf" in line) for line in told] == [
        (True, False),
        (False, True),
    ]


def test_a_broken_file_leaves_the_others_whole(machine: Machine) -> None:
    machine.write("a.conf", "tiemout = 5\n")
    machine.write("b.conf", GOOD)
    machine.write("c.conf", "app = \x00")
    found = fleet.read_fleet(machine.paths, machine.rules)
    assert [type(entry).__name__ for entry in found.values()] == ["Broken", "Site", "Broken"]


def test_broken_defaults_break_every_site_with_their_own_line(machine: Machine) -> None:
    defaults = machine.defaults("user = www\n")
    machine.write("b.conf", GOOD)
    found = fleet.read_fleet(machine.paths, machine.rules)["b"]
    assert isinstance(found, fleet.Broken)
    assert found.problems == [f'{defaults}:1: strings are quoted: user = "www"']


def test_a_machine_without_site_directory_has_no_sites(machine: Machine) -> None:
    machine.paths.sites.rmdir()
    assert fleet.read_fleet(machine.paths, machine.rules) == {}
