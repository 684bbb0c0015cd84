"""The settings of a server, as one value that is passed on to its worker processes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.cpu import available_cores

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """For one request, and for all that wait together."""

    picture_bytes: int = 20 * MIB
    pixels: int = 50_000_000  # of a picture
    images: int = 1024  # of 28x28 pixels in one request
    waiting_images: int = 512
    waiting_pictures: int = 64
    seconds: float = 10.0  # from the arrival of a request to its response


@dataclass(frozen=True)
class Settings:
    """model: a run folder or an .onnx file, None for the bundled model. token: required by the API.

    hosts: names of the server besides its address. origins: other sites whose pages may use the API. feedback: the
    database of corrections, or None to store none.
    """

    model: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    feedback: Path | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def cores(self) -> float:
        """CPU cores that each worker may use, on average."""
        return available_cores() / self.workers


def is_loopback(host: str) -> bool:
    """Whether a server at `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
