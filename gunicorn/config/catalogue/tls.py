"""Certificates, and whom to ask for them."""

from __future__ import annotations

from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_callable,
    validate_cert_reqs,
    validate_path,
    validate_string,
    whole_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECTION = "SSL"


class KeyFile(Setting):
    name = "keyfile"
    section = SECTION
    cli = ["--keyfile"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        The file with the private key, where ``certfile`` does not hold it as well.
        """


class CertFile(Setting):
    name = "certfile"
    section = SECTION
    cli = ["--certfile"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        The file with the certificate and its chain; it turns TLS on.
        """


class CACerts(Setting):
    name = "ca_certs"
    section = SECTION
    cli = ["--ca-certs"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        The file with the authorities whose client certificates are accepted.
        """


class CertReqs(Setting):
    name = "cert_reqs"
    section = SECTION
    cli = ["--cert-reqs"]
    meta = "INT"
    validator = validate_cert_reqs
    type = whole_number
    default = 0
    desc = """\
        Whether clients must show a certificate: 0 no, 1 if they have one, 2 yes.

        In a file ``ssl.CERT_NONE``, ``ssl.CERT_OPTIONAL`` and ``ssl.CERT_REQUIRED`` will do.
        """


class Ciphers(Setting):
    name = "ciphers"
    section = SECTION
    cli = ["--ciphers"]
    meta = "STRING"
    validator = validate_string
    desc = """\
        The ciphers of TLS 1.2, in OpenSSL's notation.

        By default those that Python chooses.
        """


class SuppressRaggedEOFs(Setting):
    name = "suppress_ragged_eofs"
    section = SECTION
    cli = ["--suppress-ragged-eofs"]
    action = "switch"
    validator = validate_bool
    default = True
    desc = """\
        Take a connection that is closed without TLS's own ending for one that is closed properly.

        ``--no-suppress-ragged-eofs`` makes it an error of the connection.
        """


class DoHandshakeOnConnect(Setting):
    name = "do_handshake_on_connect"
    section = SECTION
    cli = ["--do-handshake-on-connect"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accepted: the handshake begins when the client connects, whatever this says.

        It never holds up a worker, which is what other versions use this setting for.
        """


def _default_context(config: Any, default_ssl_context_factory: Callable[[], Any]) -> Any:
    return default_ssl_context_factory()


class NewSSLContext(Setting):
    name = "ssl_context"
    section = SECTION
    validator = validate_callable(2)
    accepts = "a function of 2 parameters"
    default = _default_context
    desc = """\
        Called to make the TLS context: ``ssl_context(config, default_ssl_context_factory)``.

        The factory takes no argument and returns the context that the other settings describe;
        change it as you like, or return one of your own::

            def ssl_context(config, default_ssl_context_factory):
                context = default_ssl_context_factory()
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                return context
        """
