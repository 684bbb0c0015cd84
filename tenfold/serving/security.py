"""Who may send requests: known host names, the server's own page, allowed origins, and clients with the token."""

from __future__ import annotations

import functools
import hmac
import ipaddress
import logging
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from tenfold.serving.errors import APIError

log = logging.getLogger("tenfold.serving")

HEALTH_PATHS = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
PUBLIC_PATHS = ("/", "/docs", "/openapi.json", *HEALTH_PATHS)
MAX_ADDRESS_LENGTH = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
MAX_LOGGED_ORIGINS = 20


class Security:
    """Checks the headers of requests, against pages of other sites, DNS rebinding and missing tokens.

    hosts: names of the server; IP addresses are always accepted. origins: other sites whose pages may send requests,
    such as https://example.org. token: required for the API, but not for the page.
    """

    def __init__(self, hosts: Iterable[str], token: str | None, origins: Iterable[str] = ()) -> None:
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._origins = {origin.encode() for origin in origins}
        self._token = token.encode() if token else None
        self._last_host: bytes | None = None  # the last accepted Host header: the next one is mostly the same
        self._logged_origins: set[bytes] = set()

    def check(self, scope: Scope) -> None:
        """Raises APIError (401, 403)."""
        host = origin = authorization = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
        path = route_path(scope)
        if not host and path in HEALTH_PATHS:  # HTTP/1.0, as some load balancers use
            return
        self._check_host(host)
        if origin:
            self._check_origin(origin, host)
        if self._token is not None and not is_public(path):
            self.check_token(authorization)

    def check_token(self, authorization: bytes) -> None:
        """Raises APIError (401, or 403 if the server has no token)."""
        if self._token is None:
            raise APIError(403, "no_token", "this needs a token, and the server was started without one")
        scheme, _, token = authorization.partition(b" ")
        if not hmac.compare_digest(token.strip(), self._token) or scheme.lower() != b"bearer":
            message = "expected the header Authorization: Bearer TOKEN"
            raise APIError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})

    def _check_host(self, host: bytes) -> None:
        if host == self._last_host:
            return
        name = _hostname(host)
        if name not in self._hosts and not (len(name) <= MAX_ADDRESS_LENGTH and _is_address(name)):
            message = "this server is not known by that name; add it with --allowed-host NAME"
            raise APIError(403, "unknown_host", message)
        self._last_host = host

    def _check_origin(self, origin: bytes, host: bytes) -> None:
        if origin.partition(b"//")[2] == host or origin in self._origins:
            return
        self.log_refused_origin(origin)
        raise APIError(
            403,
            "forbidden_origin",
            "pages of other sites may not use this server; --allowed-origin allows one, and a proxy must pass the Host "
            "header on",
        )

    def log_refused_origin(self, origin: bytes) -> None:
        """Browsers hide the response from pages of other sites, so the log is where their developers look."""
        if origin not in self._logged_origins and len(self._logged_origins) < MAX_LOGGED_ORIGINS:
            self._logged_origins.add(origin)
            shown = ascii(origin[:100].decode("latin-1"))[1:-1]
            log.warning("refused a request from a page of %s; to allow it: --allowed-origin %s", shown, shown)


class AllowedOrigins(CORSMiddleware):
    """Lets pages of the allowed origins use the API, and logs preflights from others."""

    def __init__(self, app: ASGIApp, security: Security, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
        self._security = security

    def preflight_response(self, request_headers: Headers) -> Response:
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            self._security.log_refused_origin(origin.encode("latin-1"))
        return super().preflight_response(request_headers)


def route_path(scope: Scope) -> str:
    """The path below the one that the application is mounted at."""
    path: str = scope["path"]
    root = scope.get("root_path")
    return path.removeprefix(root) if root else path


def is_public(path: str) -> bool:
    return path.startswith("/static/") or path in PUBLIC_PATHS


@functools.lru_cache(1000)  # parsing an address takes a while
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _hostname(host: bytes) -> str:
    """The Host header without its port, and without an IPv6 address's brackets and scope."""
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        return name[1:].partition("]")[0].partition("%")[0]
    return name.partition(":")[0]
