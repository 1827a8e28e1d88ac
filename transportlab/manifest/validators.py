"""Validators of a manifest's strings: names, URLs, headers, time zones, checksums.

Each <kind>_problem takes a string and returns what is wrong with it, or None. Schedules are in
cron.py.
"""

import functools
import ipaddress
import os
import re
import urllib.parse
from importlib import import_module

from transportlab.manifest.reading import matching
from transportlab.quote import nearest, quote

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_SECRET_REF = re.compile(r"[a-zA-Z][a-zA-Z0-9_:./-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all but tab: RFC 9110, section 5.5
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")  # what Go's url.Parse refuses; urlsplit drops some
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[\w.~!$&'()*+,;=-]+")  # RFC 3986's reg-name, and letters beyond ASCII
_USER = re.compile(r".*@", re.DOTALL)

name_problem = matching(
    _NAME.fullmatch,
    'a name of 1 to 63 characters a-z, 0-9 and "-" that begins with a letter',
)
secret_ref_problem = matching(
    _SECRET_REF.fullmatch,
    'a reference of 1 to 128 letters, digits and "_:./-" that begins with a letter',
)
sha256_problem = matching(_SHA256.fullmatch, "64 lower-case hex digits")
header_name_problem = matching(_TOKEN.fullmatch, "a header name (letters, digits, -)")


def header_value_problem(value: str) -> str | None:
    """What HTTP cannot carry in a header's value. The value is not shown: it may be a secret."""
    match = _CONTROL.search(value)
    if match is None:
        return None
    where = f"{quote(match[0])} at character {match.start() + 1}"
    return f"expected a header value without control characters, got {where}"


def url_problem(url: str) -> str | None:
    """Why a string is not an http or https URL with a host."""
    wrong = _wrong_in_url(url)
    if wrong is None:
        return None
    shown = _USER.sub("***@", url)  # there may be a password before the @
    return f"expected an http or https URL with a host, got {quote(shown)} ({wrong})"


def _wrong_in_url(url: str) -> str | None:
    if _NOT_IN_URL.search(url):
        return "a space or a control character in it"
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        address = ipaddress.ip_address(host) if ":" in host else None
        _ = parts.port  # raises ValueError for a port that is none
    except ValueError:  # its text is not shown: it may hold the password
        return "its host or its port cannot be read"
    if parts.scheme not in ("http", "https"):
        return f"its scheme is {quote(parts.scheme)}"
    if address is None and not _HOST.fullmatch(host):
        return f"its host is {quote(host)}"
    if _BAD_ESCAPE.search(parts.path) or _BAD_ESCAPE.search(parts.fragment):
        return "a % without two hex digits"
    return None


def timezone_problem(name: str) -> str | None:
    """Why a string is not the name of an IANA time zone."""
    if name in _timezones():
        return None
    near = nearest(name, _timezones())
    hint = f'; did you mean "{near}"?' if near else ""
    return f"expected the name of an IANA time zone, got {quote(name)}{hint}"


@functools.cache
def _timezones() -> frozenset[str]:
    # The package's own list, so that a manifest is valid on every machine or on none:
    # zoneinfo.available_timezones() adds what the machine has, such as "localtime".
    # importlib.resources would import zipfile and more, ten times as long as all this takes.
    (folder,) = import_module("tzdata").__path__
    with open(os.path.join(folder, "zones"), encoding="ascii") as zones:
        return frozenset(zones.read().split())
