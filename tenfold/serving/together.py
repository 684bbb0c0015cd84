"""Sending the head of an answer with what follows it.

uvicorn writes the head and the body one after the other, and uvloop hands the system each of them as it comes, which
costs a dozen microseconds: a tenth of what answering takes.
"""

from __future__ import annotations

import asyncio
from typing import Any

HEAD, INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 1"


class Together:
    """A transport that keeps the head of an answer back until the next writing.

    What begins as an answer does is taken for a head; if it is none, it is late but in its place. An interim answer
    (100 Continue) is not kept: the client waits for it. Whoever has nothing to write after a head calls `flush`.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """For nobody where the client has gone, which uvloop would call an error."""
        if self._transport.is_closing():
            return
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(HEAD) and not data.startswith(INTERIM):
            self._head = data
            return
        self._transport.write(data)

    def write_whole(self, answer: bytes) -> None:
        """Write an answer that is all there."""
        if not self._transport.is_closing():
            self._transport.write(answer)

    def flush(self) -> None:
        """Write the head that is kept, if there is one."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()
