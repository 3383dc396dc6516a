"""Listening sockets: made in the master, inherited by workers, gone only when nobody needs them.

A listener wraps a real socket and behaves as one: attributes it does not have are the socket's.
It remembers the address it was configured with (``cfg_addr``), which is how a reload tells an
unchanged listener from a new one. Rules: all are non-blocking; a Unix path is deleted only if it
is a dead socket, and at the end only if it is still the inode that was bound here. This file
knows nothing of clients and TLS handshakes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from gunicorn import util
from gunicorn.errors import ConfigError
from gunicorn.system import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, ClassVar

__all__ = [
    "Address",
    "BaseSocket",
    "TCP6Socket",
    "TCPSocket",
    "UnixSocket",
    "adopt",
    "bind_unix",
    "close_listener",
    "create_listener",
    "create_listeners",
    "inode_of",
    "match_inherited",
    "plan_listeners",
    "remove_unix",
    "ssl_context",
]

#: what ``cfg.address`` gives: (host, port), a path, or the number of an inherited descriptor
Address = tuple[str, int] | str | int

ATTEMPTS = 5
RETRY_SECONDS = 1.0


class BaseSocket:
    """A listener; subclasses say how an address of their family is bound."""

    FAMILY: ClassVar[int] = socket.AF_UNSPEC
    is_unix: ClassVar[bool] = False

    def __init__(
        self, address: Address, conf: Any, log: Any, sock: socket.socket, *, is_lent: bool = False
    ) -> None:
        self.cfg_addr = address
        #: opened by somebody else, who goes on to own it
        self.is_lent = is_lent
        self.conf = conf
        self.log = log
        self.sock: socket.socket | None = sock
        sock.setblocking(False)

    def __getattr__(self, name: str) -> Any:
        # "sock" is looked up here only when it was never set (a copy, a pickle): no recursion.
        sock = None if name == "sock" else self.sock
        if sock is None:
            raise AttributeError(f"{name}: the listener is closed")
        return getattr(sock, name)

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self.cfg_addr!r}>"

    @classmethod
    def bind(cls, address: Any, conf: Any, *, v6only: bool = False) -> socket.socket:
        """Give a bound, listening socket for ``address``. Raises OSError."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop listening in this process; others that inherited the socket go on."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


class TCPSocket(BaseSocket):
    """An IPv4 listener; ``str()`` is its URL with the real port."""

    FAMILY = socket.AF_INET

    @classmethod
    def bind(cls, address: Any, conf: Any, *, v6only: bool = False) -> socket.socket:
        with _closed_on_error(socket.socket(cls.FAMILY, socket.SOCK_STREAM)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if getattr(conf, "reuse_port", False):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Linux hands it down to the accepted connections, which saves a call on each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if v6only:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
            sock.listen(conf.backlog)
            return sock

    def __str__(self) -> str:
        if self.sock is None:
            return super().__str__()
        host, port = self.sock.getsockname()[:2]
        if self.FAMILY == socket.AF_INET6:
            host = f"[{host}]"
        return f"{'https' if self.conf.is_ssl else 'http'}://{host}:{port}"


class TCP6Socket(TCPSocket):
    """An IPv6 listener; takes IPv4 as well where the system's default is so (``[::]``)."""

    FAMILY = socket.AF_INET6


class UnixSocket(BaseSocket):
    """A listener on a path, which belongs to it from bind to close."""

    FAMILY = socket.AF_UNIX
    is_unix = True

    def __init__(
        self, address: Address, conf: Any, log: Any, sock: socket.socket, *, is_lent: bool = False
    ) -> None:
        super().__init__(address, conf, log, sock, is_lent=is_lent)
        self.path = address if isinstance(address, str) else os.fsdecode(sock.getsockname())
        self._inode = None if is_lent else inode_of(self.path)

    @classmethod
    def bind(cls, address: Any, conf: Any, *, v6only: bool = False) -> socket.socket:
        with _closed_on_error(bind_unix(address, umask=conf.umask)) as sock:
            # Where the process already is the workers' user, the group is left to the directory:
            # a set-group-ID directory hands the socket to the proxy's group.
            if not identity.is_current(conf.uid, conf.gid):
                os.chown(address, conf.uid, conf.gid)
            sock.listen(conf.backlog)
            return sock

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def remove(self) -> None:
        """Delete the path if it is still the one bound here; for the last owner."""
        remove_unix(self.path, self._inode)


def adopt(
    address: Address, conf: Any, log: Any, sock: socket.socket, *, is_lent: bool
) -> BaseSocket:
    """Make a listener of a socket that listens already. Raises ConfigError for a strange family."""
    for kind in (TCPSocket, TCP6Socket, UnixSocket):
        if sock.family == kind.FAMILY:
            return kind(address, conf, log, sock, is_lent=is_lent)
    raise ConfigError(f"cannot listen on a passed socket of the family {sock.family.name}")


def create_listener(
    address: Address,
    conf: Any,
    log: Any,
    *,
    attempts: int = ATTEMPTS,
    wait: Callable[[float], object] = time.sleep,
    v6only: bool = False,
) -> BaseSocket:
    """Bind one address; an address in use is tried ``attempts`` times, a second apart.

    ``wait(seconds)`` may raise to give up early. Raises ConfigError, having logged why.
    """
    kind = _kind_of(address)
    shown = address if isinstance(address, str) else repr(address)
    for attempt in range(1, attempts + 1):
        try:
            return kind(address, conf, log, kind.bind(address, conf, v6only=v6only))
        except OSError as exc:
            if exc.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                reason = _reason(exc, isinstance(address, str))
                log.error("Invalid address: %s (%s)", shown, reason)
                raise ConfigError(f"cannot listen on {shown}: {reason}") from exc
            in_use = exc.errno == errno.EADDRINUSE
            log.error("%s: %s", "Connection in use" if in_use else "Invalid address", shown)
            # An address that is not ours may come with its interface; both are retried.
            if attempt < attempts:
                log.error("Retrying in 1 second.")
                wait(RETRY_SECONDS)
    log.error("Can't connect to %s", shown)
    reason = "the address is in use" if in_use else "the address is not of this machine"
    raise ConfigError(f"cannot listen on {shown}: {reason}")


def create_listeners(
    addresses: Iterable[Address],
    conf: Any,
    log: Any,
    *,
    attempts: int = ATTEMPTS,
    wait: Callable[[float], object] = time.sleep,
    beside: Iterable[Address] = (),
) -> list[BaseSocket]:
    """Bind all ``addresses`` or none of them.

    ``beside`` are addresses already bound: where IPv4 and IPv6 share a port, the IPv6 listener
    takes IPv6 only. Raises ConfigError.
    """
    addresses = list(addresses)
    everything = [*addresses, *beside]
    made: list[BaseSocket] = []
    try:
        for address in addresses:
            v6only = _is_ipv6(address) and _port_is_shared(address, everything)
            made.append(
                create_listener(address, conf, log, attempts=attempts, wait=wait, v6only=v6only)
            )
    except BaseException:
        for listener in made:
            close_listener(listener)
        raise
    return made


def close_listener(listener: BaseSocket) -> None:
    """Close a listener that this process is the last owner of: a Unix path goes with it."""
    # The path first: a client must find nothing rather than a socket nobody listens on.
    if isinstance(listener, UnixSocket):
        listener.remove()
    listener.close()


def plan_listeners(
    current: Sequence[BaseSocket], addresses: Sequence[Address]
) -> tuple[list[BaseSocket], list[Address], list[BaseSocket]]:
    """Compare what is bound with what is wanted: (kept, addresses to bind, gone)."""
    wanted = list(dict.fromkeys(addresses))
    bound = {listener.cfg_addr: listener for listener in current}
    kept = [bound[address] for address in wanted if address in bound]
    missing = [address for address in wanted if address not in bound]
    gone = [listener for listener in current if listener.cfg_addr not in wanted]
    return kept, missing, gone


def match_inherited(
    socks: Iterable[socket.socket], addresses: Sequence[Address]
) -> dict[Address, socket.socket]:
    """Find for each address the passed socket bound to it: by its name, not by order."""
    found: dict[Address, socket.socket] = {}
    left = list(socks)
    # Exact names first, so that "any port" takes only what nobody else can claim.
    for matches in (_is_bound_to, _is_bound_to_some_port):
        for address in addresses:
            for sock in left:
                if address not in found and matches(sock, address):
                    found[address] = sock
                    left.remove(sock)
                    break
    return found


def bind_unix(path: str, umask: int) -> socket.socket:
    """Give a socket bound to ``path`` with mode 0777 & ~umask, in place of a dead one.

    Raises OSError: EADDRINUSE when somebody listens there, ENOTSOCK when the path is something
    else.
    """
    _clear_path(path)
    with _closed_on_error(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        before = os.umask(umask)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        return sock


def remove_unix(path: str, inode: tuple[int, int] | None) -> None:
    """Delete ``path`` if it is still the given (device, inode): a successor's socket stays."""
    if inode is not None and inode_of(path) == inode:
        with contextlib.suppress(OSError):
            os.unlink(path)


def ssl_context(conf: Any) -> ssl.SSLContext:
    """Make the server's TLS context; the public name of ``gunicorn.tls.server_context``."""
    from gunicorn import tls

    context: ssl.SSLContext = tls.server_context(conf)
    return context


def _kind_of(address: Address) -> type[BaseSocket]:
    if isinstance(address, str):
        return UnixSocket
    if isinstance(address, int):
        raise ConfigError(f"cannot listen on fd://{address}: no such socket was passed")
    return TCP6Socket if _is_ipv6(address) else TCPSocket


def _is_ipv6(address: Address) -> bool:
    if not isinstance(address, tuple):
        return False
    return util.is_ipv6(address[0])


def _port_is_shared(address: Address, addresses: Iterable[Address]) -> bool:
    ports = [other[1] for other in addresses if isinstance(other, tuple) and not _is_ipv6(other)]
    return isinstance(address, tuple) and address[1] != 0 and address[1] in ports


def _is_bound_to(sock: socket.socket, address: Address) -> bool:
    if isinstance(address, int):
        return sock.fileno() == address
    name = sock.getsockname()
    if isinstance(address, str):
        return sock.family == socket.AF_UNIX and name == address
    return _is_bound_to_host(sock, address) and bool(name[1] == address[1])


def _is_bound_to_some_port(sock: socket.socket, address: Address) -> bool:
    """Say whether an address that leaves the port to the kernel has been given this one."""
    return isinstance(address, tuple) and address[1] == 0 and _is_bound_to_host(sock, address)


def _is_bound_to_host(sock: socket.socket, address: tuple[str, int]) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    host = sock.getsockname()[0]
    if (sock.family == socket.AF_INET6) != _is_ipv6(address):
        return False
    if sock.family == socket.AF_INET6:
        return _packed(host) == _packed(address[0])
    try:
        return bool(host == socket.gethostbyname(address[0] or "0.0.0.0"))
    except OSError:
        return False


def _packed(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])


def _clear_path(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.ENOTSOCK, "exists and is not a socket", path)
    if _is_served(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
    os.unlink(path)


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # EAGAIN is a full backlog, EACCES somebody else's socket: both are somebody's.
        return probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT)


def inode_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _reason(exc: OSError, is_unix: bool = False) -> str:
    if exc.errno == errno.EACCES:
        return "permission denied" + (
            "" if is_unix else " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)"
        )
    return exc.strerror or str(exc)


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    try:
        yield sock
    except BaseException:
        sock.close()
        raise
