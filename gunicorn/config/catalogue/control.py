"""The socket by which ``gunicornctl`` and other tools speak to the master."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_mode, validate_path

SECTION = "Control"


class ControlSocket(Setting):
    name = "control_socket"
    section = SECTION
    cli = ["--control-socket"]
    meta = "PATH"
    validator = validate_path
    desc = """\
        The Unix socket on which the master takes commands and tells its state.

        Only the user who runs the master, and root, are answered. Without it there is none.
        """


class ControlSocketMode(Setting):
    name = "control_socket_mode"
    section = SECTION
    cli = ["--control-socket-mode"]
    meta = "MODE"
    validator = validate_mode
    default = 0o600
    default_text = "0600"
    restart = True
    desc = """\
        The mode of the control socket.
        """
