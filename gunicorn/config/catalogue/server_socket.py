"""Where the server listens."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_bind, validate_bool, validate_pos_int, whole_number

SECTION = "Server Socket"


class Bind(Setting):
    name = "bind"
    section = SECTION
    cli = ["-b", "--bind"]
    action = "append"
    meta = "ADDRESS"
    validator = validate_bind
    default = ["127.0.0.1:8000"]
    default_text = "127.0.0.1:8000"
    desc = """\
        The addresses to listen on.

        ``HOST``, ``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` for all IPv4 interfaces, ``unix:PATH``,
        or ``fd://N`` for a socket that is already open; the port is 8000 where none is given. A
        list, or the flag given several times, makes every worker serve all of them::

            $ gunicorn -b 127.0.0.1:8000 -b [::1]:8000 app:app

        If the environment variable ``PORT`` is set, the default is ``0.0.0.0:$PORT``.
        """


class Backlog(Setting):
    name = "backlog"
    section = SECTION
    cli = ["--backlog"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 2048
    desc = """\
        The number of connections that may wait to be accepted.

        Beyond it clients get an error when they connect, which only a heavily loaded server sees.
        Generally between 64 and 2048; the kernel caps it at ``net.core.somaxconn``.
        """


class ReusePort(Setting):
    name = "reuse_port"
    section = SECTION
    cli = ["--reuse-port"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Let other servers of the same user listen on the same TCP addresses (``SO_REUSEPORT``).

        The kernel spreads the connections over them. One server with several workers does not need
        it.
        """
