"""A ``Site`` becomes the text of its systemd drop-in. Pure: no file, no clock, no account database.

The template ``gunicorn@.service`` says what all sites share; the drop-in says what is this site's
own. It is readable by everybody (``/run/systemd/generator``), so nothing secret goes into it: the
site's environment is handed over by ``gunicornctl exec``, which reads the site file itself.

Every value was checked by ``keys`` before it came here; it is escaped here all the same, because a
value that systemd expands or splits would be a hole for whoever may write a site file with a tool.
"""

from __future__ import annotations

from pathlib import Path

from gunicorn.sites import envfile
from gunicorn.sites.paths import unit_of
from gunicorn.sites.site import Site

#: file name of our drop-in; an administrator's own (``systemctl edit``) sorts after it and wins
DROPIN = "10-site.conf"

#: seconds on top of the site's own patience before systemd loses its own
_SLACK = 15

#: our names for resource limits -> systemd's
_LIMITS = {
    "memory_max": "MemoryMax",
    "tasks_max": "TasksMax",
    "cpu_quota": "CPUQuota",
    "nofile": "LimitNOFILE",
}

#: what [sandbox] grants -> the lines that take the template's back
_HOMES = {"hidden": [], "read-only": ["ProtectHome=read-only"], "writable": ["ProtectHome=no"]}
_GRANTS = {
    "shared_tmp": ["PrivateTmp=no"],
    "devices": ["PrivateDevices=no"],
    "jit": ["MemoryDenyWriteExecute=no"],
    "namespaces": ["RestrictNamespaces=no", "SystemCallFilter=@mount"],
    "processes": ["ProtectProc=default"],
    # without CAP_SYS_ADMIN a filter can only be set with "no new privileges", so systemd sets that
    # whenever one of these is asked for (systemd.exec(5)): all of them, or none
    "setuid_programs": [
        "NoNewPrivileges=no",
        "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER",
        "SystemCallFilter=",
        "SystemCallArchitectures=",
        "RestrictAddressFamilies=",
        "RestrictNamespaces=no",
        "RestrictRealtime=no",
        "RestrictSUIDSGID=no",
        "LockPersonality=no",
        "MemoryDenyWriteExecute=no",
        "PrivateDevices=no",
        "ProtectClock=no",
        "ProtectHostname=no",
        "ProtectKernelLogs=no",
        "ProtectKernelModules=no",
        "ProtectKernelTunables=no",
    ],
}


def escape(value: str) -> str:
    """Write a text as one word of a unit file: nothing in it is expanded, split or unquoted."""
    plain = value.replace("%", "%%")
    if plain and all(char.isalnum() or char in "/._-+:@%," for char in plain):
        return plain
    parts = ['"']
    for char in plain:
        if char in '"\\':
            parts.append("\\" + char)
        elif ord(char) < 0x20 or ord(char) == 0x7F:
            parts.append(f"\\x{ord(char):02x}")
        else:
            parts.append(char)
    return "".join([*parts, '"'])


def dropin_dir(name: str) -> str:
    return f"{unit_of(name)}.d"


def site_dropin(site: Site) -> str:
    """Render the drop-in of a site whose file is right."""
    unit = [*_head(site.path), f"Description=gunicorn site {site.name}"]
    if site.start == "disabled":
        unit.append("RefuseManualStart=yes")
    service = [
        f"User={escape(site.user)}",
        # empty: the user's own group, whatever the template says
        f"Group={escape(site.group) if site.group else ''}",
    ]
    if site.privileged_ports:
        # the master binds and keeps it, workers drop it before any application code
        service += [
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            # the template's filter takes away the very call that drops it
            "SystemCallFilter=capset",
        ]
    service += [f"ReadWritePaths={escape('-' + path)}" for path in site.writable]
    service += _HOMES[str(site.sandbox.get("home", "hidden"))]
    for key, lines in _GRANTS.items():
        if site.sandbox.get(key):
            service += lines
    if site.env_file is not None:
        # a copy for the site's user alone; with a fallback, because without one systemd would fail
        # before any command of ours could say which file is missing
        service += [
            f"LoadCredential={envfile.CREDENTIAL}:{escape(site.env_file)}",
            f"SetCredential={envfile.CREDENTIAL}:{envfile.MISSING}",
        ]
    # as they are: only digits, letters and a percent sign pass keys.py, and systemd expands nothing
    # in these, so that "50%%" would be a mistake to it and the limit left out
    service += [f"{_LIMITS[key]}={value}" for key, value in sorted(site.limits.items())]
    service += _timeouts(site)
    return _text(unit, service)


def broken_dropin(name: str, path: Path) -> str:
    """Render the drop-in of a site whose file is wrong: its start fails, and says why.

    The reason is not written here: ``refuse`` reads the file again, so that ``systemctl status``
    shows what is wrong now. It is the main process and not a preparation, because systemd looks
    only at the main process when it decides not to try again (RestartPreventExitStatus=).
    """
    unit = [*_head(path), f"Description=gunicorn site {name} (its site file is wrong)"]
    service = ["ExecStartPre=", "ExecStart=", "ExecStart=+/usr/bin/gunicornctl refuse %i"]
    return _text(unit, service)


def _head(path: Path) -> list[str]:
    # SourcePath lets systemctl status name the site file, and say when it is newer than the unit.
    # It takes the rest of the line as it is, apart from specifiers.
    return [f"SourcePath={str(path).replace('%', '%%')}"]


def _timeouts(site: Site) -> list[str]:
    """Let systemd wait a little longer than the site does, or it would kill what is graceful."""
    lines = []
    graceful = site.settings.get("graceful_timeout")
    if graceful is not None:
        lines.append(f"TimeoutStopSec={_seconds(graceful) + _SLACK}")
    boot = site.settings.get("boot_timeout")
    if boot is not None:
        # 0 is "no limit" to us
        seconds = _seconds(boot)
        lines.append(f"TimeoutStartSec={seconds + 2 * _SLACK if seconds else 'infinity'}")
    return lines


def _seconds(value: object) -> int:
    return int(value, 0) if isinstance(value, str) else int(str(value))


def _text(unit: list[str], service: list[str]) -> str:
    return "\n".join(
        [
            "# Written by gunicorn-generator at boot and at every daemon-reload; edits are lost.",
            "# Change the site file, or add your own lines with: systemctl edit UNIT",
            "[Unit]",
            *unit,
            "",
            "[Service]",
            *service,
            "",
        ]
    )
