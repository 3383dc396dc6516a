"""Listening sockets that outlive a master: taken from who came before, left to who comes after.

A socket comes from one of three: from the service manager, which opened it for us (a ``.socket``
unit) or kept it since our last life (its file descriptor store); from the master that executed us
(USR2); or it was simply open and the configuration names it (``fd://N``). Which address it serves
is read from the socket itself, never from its place in a list: between two lives the configuration
may have changed.

Who made a Unix socket also owns its path. A path is deleted by the last owner, and not while the
service manager keeps the socket: the next life could not be reached by it. What a ``.socket`` unit
or another program lent us is not ours to delete.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable, MutableMapping, Sequence

from gunicorn import sock
from gunicorn.errors import ConfigError
from gunicorn.shapes import NamedTuple
from gunicorn.system import fds, notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["FORMER_PID", "LENT", "PASSED", "Inheritance", "name_of", "variables_for"]

#: what a master says to the one it executes: descriptors, those it only borrowed, its process id
PASSED, LENT, FORMER_PID = "GUNICORN_FD", "GUNICORN_FD_LENT", "GUNICORN_PID"

#: how the names of our sockets begin in the descriptor store
_PREFIX = "listener-"


class _Heirloom(NamedTuple):
    """One socket that was open when we started."""

    sock: socket.socket
    #: what it is called in the descriptor store; empty when it is not from there
    name: str = ""
    #: somebody else made it and deletes its path
    is_lent: bool = False


class Inheritance:
    """What the master was given at its start, and what it gives to the descriptor store."""

    def __init__(self, environ: MutableMapping[str, str], notifier: notify.Notifier) -> None:
        """Take the sockets that ``environ`` announces, and the variables out of it."""
        self._notifier = notifier
        #: the master that executed us, while it is our parent; 0: none
        self.former_pid = _number(environ.pop(FORMER_PID, ""))
        self._heirlooms = [*_from_former(environ), *self._from_manager(environ)]
        #: addresses of sockets that were opened for us without being in the configuration
        self._extra: list[sock.Address] = []
        self._dead_paths: list[str] = []
        #: closed while another master served them
        self._left: list[sock.BaseSocket] = []

    def addresses(self, cfg: Any) -> list[sock.Address]:
        """Give what to listen on: what ``cfg`` names, and what was opened for us besides.

        Where nobody chose a ``bind``, the sockets that were passed stand for it. Raises ConfigError
        where there is nothing at all.
        """
        wanted: list[sock.Address] = list(dict.fromkeys(cfg.address))
        if self._extra and _is_unchosen(cfg):
            wanted = []
        wanted += [address for address in self._extra if address not in wanted]
        if not wanted:
            raise ConfigError(f"Nothing to listen on: bind is empty, from {cfg.origin('bind')}")
        return wanted

    def open(self, cfg: Any, log: Any, **how: Any) -> list[sock.BaseSocket]:
        """Give all listeners at the start: those inherited, and newly bound ones for the rest.

        ``how`` goes to ``sock.create_listeners``. Raises ConfigError.
        """
        self._find_named(cfg)
        self._note_extra(cfg)
        wanted = self.addresses(cfg)
        found = self._match(wanted)
        made = {address: _adopt(address, heirloom, cfg, log) for address, heirloom in found.items()}
        self._drop_unwanted(found.values(), log)
        missing = [address for address in wanted if address not in made]
        for listener in sock.create_listeners(missing, cfg, log, beside=list(made), **how):
            made[listener.cfg_addr] = listener
        listeners = [made[address] for address in wanted]
        self.keep(listeners)
        return listeners

    def _from_manager(self, environ: MutableMapping[str, str]) -> list[_Heirloom]:
        found = []
        for fd, name in notify.listen_fds(environ):
            one = _listening(fd)
            if one is None:
                continue
            if not name.startswith(_PREFIX):
                found.append(_Heirloom(one, is_lent=True))
            elif _is_reachable(one):
                found.append(_Heirloom(one, name))
            else:
                one.close()
                self._forget(name)
        return found

    def _find_named(self, cfg: Any) -> None:
        """Take the open descriptors that ``bind`` names as ``fd://N``."""
        known = [heirloom.sock.fileno() for heirloom in self._heirlooms]
        for address in cfg.address:
            if isinstance(address, int) and address not in known:
                one = _listening(address)
                if one is not None:
                    self._heirlooms.append(_Heirloom(one, is_lent=True))

    def _note_extra(self, cfg: Any) -> None:
        """Find the addresses of sockets that a ``.socket`` unit has opened for us alone."""
        lent = [heirloom for heirloom in self._heirlooms if heirloom.is_lent]
        named = self._match(cfg.address).values()
        for heirloom in lent:
            if heirloom not in named or _is_unchosen(cfg):
                self._extra.append(_address_of(heirloom.sock))

    def _match(self, addresses: Sequence[sock.Address]) -> dict[sock.Address, _Heirloom]:
        by_sock = {id(heirloom.sock): heirloom for heirloom in self._heirlooms}
        socks = [heirloom.sock for heirloom in self._heirlooms]
        found = sock.match_inherited(socks, addresses)
        return {address: by_sock[id(one)] for address, one in found.items()}

    def _drop_unwanted(self, taken: Iterable[_Heirloom], log: Any) -> None:
        kept = list(taken)
        for heirloom in self._heirlooms:
            if heirloom in kept:
                continue
            log.info("Closing an inherited socket that is not configured: %s", _label(heirloom))
            self._forget(heirloom.name or name_of(heirloom.sock))
            if heirloom.sock.family == socket.AF_UNIX and not heirloom.is_lent:
                self._dead_paths.append(os.fsdecode(heirloom.sock.getsockname()))
            heirloom.sock.close()
        self._heirlooms = []
        if not self.former_pid:
            self._delete_dead_paths()  # otherwise they are the former master's while that lives

    def _delete_dead_paths(self) -> None:
        for path in self._dead_paths:
            sock.remove_unix(path, sock.inode_of(path))
        self._dead_paths = []

    def take_over(self, listeners: Iterable[sock.BaseSocket]) -> None:
        """Be the only master from now on: what the former one left to do is ours."""
        self.former_pid = 0
        self._delete_dead_paths()
        # The manager did not listen to us before.
        self.keep(listeners)

    # -- the descriptor store ----------------------------------------------------------------------

    def keep(self, listeners: Iterable[sock.BaseSocket]) -> None:
        """Have the service manager keep the sockets for our next life; it knows doubles itself."""
        if not self._notifier.keeps_fds:
            return
        for listener in listeners:
            if not listener.is_lent:
                text = f"FDSTORE=1\nFDNAME={name_of(listener)}"
                self._notifier.send(text, [listener.fileno()])

    def give_up(self, listener: sock.BaseSocket) -> None:
        """Close a listener that the configuration does not name any more."""
        if not listener.is_lent:
            self._forget(name_of(listener))
        sock.close_listener(listener)

    def _forget(self, name: str) -> None:
        if self._notifier.keeps_fds:
            self._notifier.send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def close(self, listener: sock.BaseSocket, is_last_owner: bool) -> None:
        """Close a listener because this master stops; its path goes with the last owner."""
        if self._notifier.keeps_fds:
            listener.close()
        elif is_last_owner:
            sock.close_listener(listener)
        else:
            listener.close()
            self._left.append(listener)

    def delete_left(self) -> None:
        """Delete the paths of what was closed while another master served it; it has gone too."""
        for listener in self._left:
            sock.close_listener(listener)
        self._left = []


def variables_for(listeners: Sequence[sock.BaseSocket], pid: int) -> dict[str, str]:
    """Give the variables by which a successor takes the listeners of the master ``pid``."""
    numbers = {str(listener.fileno()): listener.is_lent for listener in listeners}
    return {
        PASSED: ",".join(numbers),
        LENT: ",".join(number for number, is_lent in numbers.items() if is_lent),
        FORMER_PID: str(pid),
    }


def name_of(one: Any) -> str:
    """Give the name of a socket in the descriptor store, where colons separate names."""
    name = one.getsockname()
    text = f"{name[0]}_{name[1]}" if isinstance(name, tuple) else os.fsdecode(name)
    plain = "".join(char if " " < char < "\x7f" and char != ":" else "_" for char in text)
    return f"{_PREFIX}{plain}"[:255]


def _from_former(environ: MutableMapping[str, str]) -> list[_Heirloom]:
    lent = environ.pop(LENT, "").split(",")
    found = []
    for word in environ.pop(PASSED, "").split(","):
        one = _listening(_number(word))
        if one is not None:
            found.append(_Heirloom(one, is_lent=word in lent))
    return found


def _listening(fd: int) -> socket.socket | None:
    """Make a socket of a descriptor that listens for connections; None: it does not."""
    if fd < 3:
        return None
    try:
        one = socket.socket(fileno=fd)
    except OSError:
        return None
    is_stream = one.type == socket.SOCK_STREAM
    if not is_stream or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        one.detach()
        return None
    fds.close_on_exec(fd)
    return one


def _adopt(address: sock.Address, heirloom: _Heirloom, cfg: Any, log: Any) -> sock.BaseSocket:
    listener = sock.adopt(address, cfg, log, heirloom.sock, is_lent=heirloom.is_lent)
    if not heirloom.is_lent:
        listener.listen(cfg.backlog)
        if heirloom.name and isinstance(listener, sock.UnixSocket):
            _set_mode(listener, cfg, log)
    return listener


def _set_mode(listener: sock.UnixSocket, cfg: Any, log: Any) -> None:
    """Give the path the mode that binding it today would give it."""
    mode = 0o777 & ~cfg.umask
    try:
        if stat.S_IMODE(os.lstat(listener.path).st_mode) != mode:
            os.chmod(listener.path, mode)  # noqa: PTH101 -- text path
    except OSError as exc:
        log.warning("%s keeps its mode: %s", listener, exc.strerror)


def _is_unchosen(cfg: Any) -> bool:
    return bool(cfg.settings["bind"].is_default)


def _address_of(one: socket.socket) -> sock.Address:
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return os.fsdecode(name)
    if one.family not in (socket.AF_INET, socket.AF_INET6):
        raise ConfigError(f"cannot listen on a passed socket of {one.family.name}")
    return str(name[0]), int(name[1])


def _is_reachable(one: socket.socket) -> bool:
    """Say whether clients can still come to a socket: the path of a Unix one may be deleted."""
    if one.family != socket.AF_UNIX:
        return True
    name = one.getsockname()
    try:
        return isinstance(name, bytes) or stat.S_ISSOCK(os.lstat(name).st_mode)
    except OSError:
        return False


def _label(heirloom: _Heirloom) -> str:
    return heirloom.name or str(_address_of(heirloom.sock))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
