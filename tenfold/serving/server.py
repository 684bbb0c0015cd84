"""Run the application: one process or several on one socket, ended in good order by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import tempfile
import time
from functools import partial
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from tenfold.errors import TenfoldError
from tenfold.model import load_model
from tenfold.serving.app import create_app
from tenfold.serving.feedback import Feedback
from tenfold.serving.settings import Settings

DRAIN = 0.5  # seconds in which clients that keep their connections are told to let go of them
BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn, that goes on answering for a moment after it was told to end, and then loses no connection's request."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.loaded_app.draining = True  # every answer now closes its connection
        await asyncio.sleep(DRAIN)
        await super().shutdown(sockets)


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until a signal; `say` is told the address. Raises TenfoldError for a bad model, port or database."""
    load_model(settings.model)  # what is wrong with it is said before anything is served
    if settings.feedback:
        Feedback(settings.feedback).create()
    listening = bind(settings)
    say(address(settings, listening))
    if settings.workers == 1:
        run(settings, listening)
        return
    with tempfile.TemporaryDirectory(prefix="tenfold-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # the workers inherit it
        Workers(settings, listening).run()


def bind(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        raise TenfoldError(f"can't serve at {settings.host}, port {settings.port}: {error.strerror or error}") from None
    return listening


def address(settings: Settings, listening: socket.socket) -> str:
    """Where the page is; the token stands behind a #, which browsers keep to themselves."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    token = f"#token={settings.token}" if settings.token else ""
    return f"http://{host}:{listening.getsockname()[1]}/{token}"


def run(settings: Settings, listening: socket.socket) -> None:
    """One process' work, until it is told to end."""
    # The loop's thread must not wait the usual 5 ms for a thread that computes in Python.
    sys.setswitchinterval(0.0005)
    server(settings).run([listening])


def server(settings: Settings) -> Server:
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=75,  # longer than the usual proxy keeps its connections, so that it is the one to end them
    )
    return Server(config)


class Workers:
    """As many processes on one socket; one that dies is replaced."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings, self._listening = settings, listening
        self._spawn = multiprocessing.get_context("spawn")
        self._ending = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        workers = [self._started() for _ in range(self._settings.workers)]
        while not self._ending:
            multiprocessing.connection.wait([worker.sentinel for worker in workers], timeout=0.5)
            for place, worker in enumerate(workers):
                if not worker.is_alive() and not self._ending:
                    time.sleep(0.5)  # one that can't start must not be started in a hurry
                    workers[place] = self._started()
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()

    def _started(self) -> Any:
        worker = self._spawn.Process(target=run, args=(self._settings, self._listening), daemon=True)
        worker.start()
        return worker

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
