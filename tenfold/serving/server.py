"""Run the application: one process or several on one socket, ended in good order by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from types import FrameType
from typing import Any, cast

import uvicorn

from tenfold.errors import TenfoldError
from tenfold.model import load_model
from tenfold.serving.app import create_app
from tenfold.serving.direct import DirectProtocol
from tenfold.serving.feedback import Feedback
from tenfold.serving.metrics import forget
from tenfold.serving.settings import Settings

# Seconds. First new connections are still taken, while clients that keep theirs are told to let go of them; then only
# requests on the connections that are there; at last only from those that have not yet said what they want.
DRAIN, SETTLE, HEAR_OUT = 0.5, 0.2, 1.0
GRACE = 5  # more than an answer may take: then whoever has not sent or taken what was due is not waited for
BACKLOG = 2048
AT_ONCE = 4  # connections that one of several workers accepts in one go


class Server(uvicorn.Server):
    """uvicorn, that goes on answering for a moment after it was told to end, and then loses no connection's request.

    jobs: how many connections to accept in one go, so that others who wait at the same door get some too; None for
    all.
    """

    def __init__(self, config: uvicorn.Config, jobs: int | None = None) -> None:
        super().__init__(config)
        self._at_once = jobs

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._listening, self._joining = sockets or [], set[asyncio.Task[Any]]()
        # A class is expected, and anything that makes protocols will do.
        self.config.http_protocol_class = cast(Any, partial(DirectProtocol, self._made))
        await super().startup(sockets)

    def _made(self) -> None:
        """A connection was. uvloop accepts one in each turn of its loop, so that under load hundreds would wait at the
        door for seconds, and not even be told that the server is busy.
        """
        self._take_in(self._at_once)

    def _take_in(self, most: int | None = None) -> None:
        """Accept whoever waits at the door."""
        loop = asyncio.get_running_loop()
        for connection in [one for listening in self._listening for one in islice(_waiting(listening), most)]:
            task = loop.create_task(loop.connect_accepted_socket(self._protocol, connection))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.loaded_app.draining = True  # not ready any more, and every answer closes its connection
        for connection in self._connections:
            connection.listen()
        await self._pause(DRAIN)
        self._close_door()
        await self._pause(SETTLE)
        # Whoever connected last may be slow to ask on a busy machine.
        await self._pause(HEAR_OUT, lambda: any(connection.may_begin for connection in self._connections))
        await super().shutdown([])

    def _close_door(self) -> None:
        """Accept no more connections, but take in those that the system had accepted for us: closing resets them."""
        self._take_in()
        self._listening = []
        for server in self.servers:
            server.close()

    async def _pause(self, seconds: float, needed: Callable[[], bool] = lambda: True) -> None:
        """Let time pass, as long as that is needed and nobody has pressed Ctrl-C twice."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and needed() and not self.force_exit:
            await asyncio.sleep(0.01)

    @property
    def _connections(self) -> list[DirectProtocol]:
        return [known for known in self.server_state.connections if isinstance(known, DirectProtocol)]

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


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


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(OSError):  # nobody does, or there are too many connections already
        while True:
            yield listening.accept()[0]


def bind(settings: Settings) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise TenfoldError(f"can't serve at {settings.host}, port {settings.port}: {error.strerror or error}") from None
    return listening


def address(settings: Settings, listening: socket.socket) -> str:
    """Where the page is; on a terminal with the token behind a #, which browsers keep to themselves. Logs are kept."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    token = f"#token={settings.token}" if settings.token and sys.stderr.isatty() else ""
    return f"http://{host}:{listening.getsockname()[1]}/{token}"


def run(settings: Settings, listening: socket.socket) -> None:
    """One process' work, until it is told to end."""
    # The loop's thread must not wait the usual 5 ms for a thread that computes in Python.
    sys.setswitchinterval(0.0005)
    # With a thousand requests in flight, the collector would look through them all the time.
    gc.set_threshold(50_000, 20, 50)
    server(settings).run([listening])


def _work(settings: Settings, listening: socket.socket) -> None:
    """One of several processes' work; it also ends, in the same good order, when the one that started it was killed."""
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    run(settings, listening)


def _end_with(parent: Any) -> None:
    multiprocessing.connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


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
        timeout_graceful_shutdown=math.ceil(settings.limits.seconds) + GRACE,
    )
    return Server(config, None if settings.workers == 1 else AT_ONCE)


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
                    forget(worker.pid)
                    time.sleep(0.5)  # one that can't start must not be started in a hurry
                    workers[place] = self._started()
        self._listening.close()  # the last of the workers to let go of it closes it
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()

    def _started(self) -> Any:
        worker = self._spawn.Process(target=_work, args=(self._settings, self._listening), daemon=True)
        worker.start()
        return worker

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
