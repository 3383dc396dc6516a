"""What a request may look like: limits, and doors that are closed unless needed."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_bool, validate_pos_int, whole_number

SECTION = "Security"


class LimitRequestLine(Setting):
    name = "limit_request_line"
    section = SECTION
    cli = ["--limit-request-line"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 4094
    desc = """\
        The longest request line, in bytes.

        The line holds method, target and version, so this limits the length of a URL with its
        query. From 1 to 8190; 0 means no limit. A longer line is answered with status 414.
        """


class LimitRequestFields(Setting):
    name = "limit_request_fields"
    section = SECTION
    cli = ["--limit-request-fields"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 100
    desc = """\
        The largest number of header fields in a request.

        Never more than 32768. With ``limit_request_field_size`` it bounds the memory that the head
        of a request can take. A request with more fields is answered with status 431.
        """


class LimitRequestFieldSize(Setting):
    name = "limit_request_field_size"
    section = SECTION
    cli = ["--limit-request-field_size", "--limit-request-field-size"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 8190
    desc = """\
        The longest header field of a request, in bytes, its name and line end included.

        From 1 to 8190; 0 means no limit. A longer field is answered with status 431.
        """


class PermitObsoleteFolding(Setting):
    name = "permit_obsolete_folding"
    section = SECTION
    cli = ["--permit-obsolete-folding"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accept header fields that are continued on a next line (RFC 9112, section 5.2).

        The standard asks servers to refuse them, because front ends disagree on what they mean.
        Needed only by proxies that send multi-line certificates.
        """


class StripHeaderSpaces(Setting):
    name = "strip_header_spaces"
    section = SECTION
    cli = ["--strip-header-spaces"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accept and remove white space between the name of a header field and its colon.

        The standard demands that such a request is refused (RFC 9112, section 5.1): requests can be
        smuggled past front ends with it.
        """


class PermitUnconventionalHTTPMethod(Setting):
    name = "permit_unconventional_http_method"
    section = SECTION
    cli = ["--permit-unconventional-http-method"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accept any method that is a token: lower case, ``#``, shorter than 3 or longer than 20.
        """


class PermitUnconventionalHTTPVersion(Setting):
    name = "permit_unconventional_http_version"
    section = SECTION
    cli = ["--permit-unconventional-http-version"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Accept request lines with an HTTP/1 version other than 1.0 and 1.1.
        """


class CasefoldHTTPMethod(Setting):
    name = "casefold_http_method"
    section = SECTION
    cli = ["--casefold-http-method"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Turn methods into upper case before the application sees them.

        Methods are case-sensitive by the standard; only clients that break it need this.
        """
