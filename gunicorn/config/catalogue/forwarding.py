"""Whom to believe about the client: forwarding headers and the PROXY protocol."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_choice,
    validate_dict,
    validate_string,
    validate_string_to_list,
)

SECTION = "Server Mechanics"
ADDRESSES = "addresses or networks separated by commas, or '*'"


class SecureSchemeHeader(Setting):
    name = "secure_scheme_headers"
    section = SECTION
    validator = validate_dict
    accepts = "a dictionary of header names and values"
    default = {
        "X-FORWARDED-PROTOCOL": "ssl",
        "X-FORWARDED-PROTO": "https",
        "X-FORWARDED-SSL": "on",
    }
    desc = """\
        The headers and values by which a front end says that the client came over HTTPS.

        They set ``wsgi.url_scheme`` to ``https``, if they come from one of ``forwarded_allow_ips``.
        Values are compared exactly, names in any case. Headers that contradict each other make the
        request a bad one. See to it that your front end removes them from what clients send.
        """


class XForwardedForHeader(Setting):
    name = "x_forwarded_for_header"
    section = SECTION
    cli = ["--x-forwarded-for-header"]
    meta = "STRING"
    validator = validate_string
    accepts = "the name of a header, or an empty text"
    default = "X-FORWARDED-FOR"
    desc = """\
        The header in which a front end passes on the address of the client.

        Its last element becomes ``REMOTE_ADDR``, if it comes from one of ``forwarded_allow_ips``.
        An empty text turns that off.
        """


class ForwardedAllowIPS(Setting):
    name = "forwarded_allow_ips"
    section = SECTION
    cli = ["--forwarded-allow-ips"]
    meta = "STRING"
    validator = validate_string_to_list
    accepts = ADDRESSES
    default = "127.0.0.1,::1"
    desc = """\
        The front ends whose forwarding headers are believed, separated by commas.

        Addresses or networks (``10.0.0.0/8``); ``*`` believes everybody, for set-ups where the
        address of the front end is not known in advance and nobody else can connect. Connections
        over a Unix socket are always believed. The environment variable ``FORWARDED_ALLOW_IPS``
        sets the default.
        """


class ForwarderHeaders(Setting):
    name = "forwarder_headers"
    section = SECTION
    cli = ["--forwarder-headers"]
    meta = "STRING"
    validator = validate_string_to_list
    accepts = "header names separated by commas"
    default = "SCRIPT_NAME,PATH_INFO"
    desc = """\
        The headers with an underscore that the front ends of ``forwarded_allow_ips`` may send.

        In the environ they replace what the server found out itself.
        """


class HeaderMap(Setting):
    name = "header_map"
    section = SECTION
    cli = ["--header-map"]
    meta = "STRING"
    validator = validate_choice("drop", "refuse", "dangerous")
    accepts = "'drop', 'refuse' or 'dangerous'"
    default = "drop"
    desc = """\
        What happens to header fields with an underscore in their name.

        In the environ such a field cannot be told from the one with a hyphen, so it can pose as a
        field that a front end has vouched for. ``drop`` ignores it, ``refuse`` answers the request
        with status 400, ``dangerous`` lets it through.
        """


class ProxyProtocol(Setting):
    name = "proxy_protocol"
    section = SECTION
    cli = ["--proxy-protocol"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accept a PROXY protocol line (version 1) at the beginning of connections.

        For stunnel or HAProxy in front. Plain HTTP still works on the same port.
        """


class ProxyAllowFrom(Setting):
    name = "proxy_allow_ips"
    section = SECTION
    cli = ["--proxy-allow-from"]
    meta = "STRING"
    validator = validate_string_to_list
    accepts = ADDRESSES
    default = "127.0.0.1,::1"
    desc = """\
        The front ends that may send a PROXY protocol line, separated by commas.

        Addresses or networks; ``*`` allows everybody. Others are answered with status 403.
        """
