"""Who may ask: the right name of the server, the server's own page, and the token where there is one."""

from __future__ import annotations

import functools
import hmac
import ipaddress
from collections.abc import Iterable

from starlette.types import Scope

from tenfold.serving.errors import Refused

HEALTH = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
OPEN = ("/docs", "/openapi.json", *HEALTH)

LONGEST = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")  # of all addresses


class Guard:
    """Checks a request's head. A browser that some foreign page drives, also through a name that it made point here
    (DNS rebinding), is turned away: names must be known ones, and an Origin must be the server's own.

    names: names of the server; addresses are no names and always right. token: asked of the API, not of the page.
    """

    def __init__(self, names: Iterable[str], token: str | None) -> None:
        self._names = {"localhost", *(name.lower() for name in names)}
        self._token = token.encode() if token else None
        self._right: bytes | None = None  # the last Host that was right: the next is mostly the same

    def check(self, scope: Scope) -> None:
        """Raises Refused (401, 403)."""
        host = origin = sent = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                sent = value
        if host != self._right:
            if not host and scope["path"] in HEALTH:  # HTTP/1.0, as some load balancers ask
                return
            if not self._is_own(_hostname(host)):
                raise Refused(
                    403, "wrong_host", "this server is not known by that name; add it with --allowed-host NAME"
                )
            self._right = host
        if origin and origin.partition(b"//")[2] != host:
            raise Refused(403, "wrong_origin", "pages of other servers may not ask this one; "
                          "a proxy in between must hand the Host header on")  # fmt: skip
        if self._token is not None and not _is_open(scope["path"]):
            self.check_token(sent)

    def check_token(self, sent: bytes) -> None:
        """sent: the Authorization header. Raises Refused (401, or 403 where the server has no token)."""
        if self._token is None:
            raise Refused(403, "no_token", "this needs a token, and the server was started without one")
        scheme, _, token = sent.partition(b" ")
        if not hmac.compare_digest(token.strip(), self._token) or scheme.lower() != b"bearer":
            raise Refused(401, "unauthorized", "expected the header Authorization: Bearer TOKEN",
                          {"WWW-Authenticate": "Bearer"})  # fmt: skip

    def _is_own(self, name: str) -> bool:
        return name in self._names or (len(name) <= LONGEST and _is_address(name))


@functools.lru_cache(1000)  # looking at one takes a while
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _hostname(host: bytes) -> str:
    """The Host header without its port, and an IPv6 address's brackets and scope."""
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        return name[1:].partition("]")[0].partition("%")[0]
    return name.partition(":")[0]


def _is_open(path: str) -> bool:
    return path == "/" or path.startswith("/static/") or path in OPEN
