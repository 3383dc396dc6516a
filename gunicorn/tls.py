"""The TLS context of the server, from the settings.

Made once per worker, after the configuration is known and by whoever accepts connections. Nothing
here touches a connection: the handshake is the worker's business.
"""

from __future__ import annotations

import ssl

from gunicorn.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["server_context"]


def server_context(cfg: Any) -> ssl.SSLContext:
    """Return the context the TLS settings ask for, handed through the ``ssl_context`` hook.

    The settings are ``certfile``, ``keyfile``, ``ca_certs``, ``cert_reqs`` and ``ciphers``. Raises
    ConfigError when a file cannot be used or a value is refused.
    """

    def default_context() -> ssl.SSLContext:
        return _default_context(cfg)

    context: ssl.SSLContext = cfg.ssl_context(cfg, default_context)
    return context


def _default_context(cfg: Any) -> ssl.SSLContext:
    # CLIENT_AUTH is the purpose of a server's context: it verifies clients, if anybody.
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # We speak HTTP/1.1 and nothing else; saying so lets clients offering h2 fall back at once.
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cfg.certfile, cfg.keyfile)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(
            f"cannot use certfile {cfg.certfile!r}, keyfile {cfg.keyfile!r}: {exc}"
        ) from exc
    if cfg.ca_certs:
        try:
            context.load_verify_locations(cafile=cfg.ca_certs)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"cannot use ca_certs {cfg.ca_certs!r}: {exc}") from exc
    # After the authorities: requiring a certificate nobody can sign would refuse everyone.
    context.verify_mode = ssl.VerifyMode(cfg.cert_reqs)
    if cfg.ciphers:
        try:
            context.set_ciphers(cfg.ciphers)
        except ssl.SSLError as exc:
            raise ConfigError(f"cannot use ciphers {cfg.ciphers!r}: {exc}") from exc
    return context
