"""What a server is told before it starts, as one value that also travels to worker processes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.cpu import available_cores

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one request, and all that wait together, may ask for."""

    picture_bytes: int = 20 * MIB
    pixels: int = 50_000_000
    images: int = 1024  # of 28x28 in one request
    waiting_images: int = 512  # in all
    waiting_pictures: int = 64
    seconds: float = 10.0  # from the arrival of a request to its answer, else 504


@dataclass(frozen=True)
class Settings:
    """model: a run folder or an .onnx file, None for the bundled model. token: asked of every request to the API.

    hosts: names under which the server is reached besides its own address. feedback: the database of corrections, or
    None to keep none.
    """

    model: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str | None = None
    hosts: tuple[str, ...] = ()
    feedback: Path | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def cores(self) -> float:
        """That each worker may use, on average."""
        return available_cores() / self.workers


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach a server at `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
