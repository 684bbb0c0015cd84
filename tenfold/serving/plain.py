"""Requests of the plain kind: in one piece, and with nothing in their heads that asks for more than an answer."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEAD = 4096  # bytes
# Lines that every parser of HTTP reads alike: none of them goes on in the next, or ends in a space.
_HEAD = re.compile(
    rb"POST (/[!-~]*) HTTP/1\.1((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*(?<![\t ]))+)",
)
_UNUSUAL = {b"content-encoding", b"expect", b"proxy-connection", b"transfer-encoding", b"upgrade"}
KEEP_ALIVE = b"keep-alive"


class Plain(NamedTuple):
    target: bytes  # the path, and what was asked of it
    headers: dict[bytes, bytes]  # by names in small letters
    body: bytes


def plain(data: bytes) -> Plain | None:
    """The POST request that `data` is from its first byte to its last; None for any other kind."""
    head, _, body = data.partition(b"\r\n\r\n")
    found = _HEAD.fullmatch(head) if len(head) <= MAX_HEAD else None
    if not found:
        return None
    named = [line.partition(b":") for line in found[2][2:].split(b"\r\n")]
    headers = {name.lower(): value.lstrip(b"\t ") for name, _, value in named}
    is_plain = (
        len(headers) == len(named)
        and _UNUSUAL.isdisjoint(headers)
        and headers.get(b"connection", KEEP_ALIVE).lower() == KEEP_ALIVE
        and headers.get(b"content-length") == b"%d" % len(body)
    )
    return Plain(found[1], headers, body) if is_plain else None
