"""Run the application under Granian, and shut it down without losing accepted requests."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import logging
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from fastapi import FastAPI
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tenfold.errors import TenfoldError
from tenfold.model import load_model
from tenfold.serving.app import create_app
from tenfold.serving.feedback import Feedback
from tenfold.serving.metrics import MULTIPROCESS_FOLDER
from tenfold.serving.middleware import ServerState
from tenfold.serving.settings import Settings

DRAIN_SECONDS = 2.0  # not ready any more, and every response closes its connection; new ones are still accepted
SETTLE_SECONDS = 1.0  # from the refusal of new connections to the end of the existing ones
STOP_SECONDS = 5  # more than a response may take, for the requests in flight
HEADER_SECONDS = 30  # for the head of a request to arrive
MAX_HEADER_BYTES = 64 << 10
BACKLOG = 2048  # connections that wait to be accepted
# Of each worker, idle ones included. Others wait to be accepted, health checks among them, so this is not what limits
# the load: the queues are.
MAX_CONNECTIONS = 4096
RESERVED_FILES = 256  # open files for anything but connections
MAX_START_FAILURES = 3
POLL_SECONDS = 0.05  # between two looks of a worker at the main process
Flag: TypeAlias = ctypes.c_bool
Count: TypeAlias = ctypes.c_int
SO_ATTACH_FILTER = 26  # socket option of Linux, see socket(7)
BPF_RETURN = 0x06  # the instruction to accept as many bytes as it says
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets the address.

    Raises TenfoldError for a bad model, port or database, and if the workers can't start.
    """
    load_model(settings.model)  # reports a bad model before anything is served
    if settings.feedback:
        Feedback(settings.feedback).create()
    port = available_port(settings)
    announce(page_url(settings, port))
    with tempfile.TemporaryDirectory(prefix="tenfold-metrics-") as folder:
        if settings.workers > 1:
            os.environ[MULTIPROCESS_FOLDER] = folder  # the workers inherit it
        run(settings, port)


def run(settings: Settings, port: int) -> None:
    multiprocessing.set_start_method("spawn", force=True)  # a forked process would share ONNX Runtime's threads
    # Without locks, which a worker that is killed would keep.
    draining, failures = multiprocessing.RawValue(ctypes.c_bool, False), multiprocessing.RawValue(ctypes.c_int, 0)
    server = Granian(
        "tenfold",
        address=settings.host,
        port=port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        # HTTP/2 is for TLS, and while Granian finds out which of the two a client speaks, it waits without a limit.
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=connection_limit(),
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=MAX_HEADER_BYTES, pipeline_flush=True
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=math.ceil(settings.limits.seconds) + STOP_SECONDS,
        log_level=LogLevels.error,
    )
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    server.on_startup(functools.partial(drain_on_signals, draining, before))
    try:
        server.serve(target_loader=functools.partial(load_worker, settings, draining, failures), wrap_loader=False)
    except SystemExit as ended:
        if ended.code and not failures.value:
            raise TenfoldError("the server's workers keep dying; the messages above say why") from None
    if failures.value:
        raise TenfoldError("the server's workers can't start; the messages above say why")


def connection_limit() -> int:
    """MAX_CONNECTIONS, or fewer if the system allows fewer open files; raises the soft limit to the hard one."""
    try:
        import resource
    except ImportError:  # Windows
        return MAX_CONNECTIONS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, max(1, hard - RESERVED_FILES))


def drain_on_signals(draining: Flag, before: dict[signal.Signals, Any]) -> None:
    """Handle the first signal to stop by draining, and the next as Granian does; called once Granian handles them.

    before: the handlers of the process until then. Signals that were ignored, as by nohup, stay ignored.
    """
    stop = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        if draining.value:
            stop(number, frame)  # type: ignore[operator, misc]
            return
        draining.value = True
        threading.Timer(DRAIN_SECONDS + SETTLE_SECONDS, stop, [number, frame]).start()  # type: ignore[arg-type]

    for number, handler in before.items():
        signal.signal(number, signal.SIG_IGN if handler == signal.SIG_IGN else handle)


def load_worker(settings: Settings, draining: Flag, failures: Count) -> FastAPI:
    """The application of a worker process; called in it.

    failures: counts failed starts in a row; after a few of them the server stops.
    """
    if os.name == "posix":
        os.setpgrp()  # Ctrl-C in a terminal is for the main process, which drains first
    logging.basicConfig(format="%(levelname)s %(message)s")
    sys.setswitchinterval(0.0005)  # the event loop must not wait the usual 5 ms for a thread that computes in Python
    gc.set_threshold(50_000, 20, 50)  # with a thousand requests in flight, collecting garbage would take much time
    state = ServerState()
    parent = multiprocessing.parent_process()
    threading.Thread(target=_watch, args=(draining, state, parent), daemon=True).start()
    try:
        app = create_app(settings, state)
    except Exception:
        failures.value += 1
        if failures.value >= MAX_START_FAILURES and parent is not None and parent.pid is not None:
            os.kill(parent.pid, signal.SIGTERM)
        raise
    failures.value = 0
    return app


def _watch(draining: Flag, state: ServerState, parent: Any) -> None:
    """Tell the application when the server drains, and stop the worker if the main process has died."""
    while not draining.value:
        time.sleep(POLL_SECONDS)
        if not parent.is_alive():
            os.kill(os.getpid(), signal.SIGTERM)
            return
    state.draining = True
    time.sleep(DRAIN_SECONDS)
    stop_listening()
    multiprocessing.connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def stop_listening() -> None:
    """Let no new connections in, while those that exist are served on, and are refused once the socket closes.

    Granian closes its listening socket and idle connections at the same moment, and would lose the requests of clients
    that connect just then. It has no call for this, so the sockets are found among the process' own (on Linux), and
    get a packet filter that drops everything: clients' connection attempts wait until the socket closes.
    """
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RETURN, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    for entry in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def available_port(settings: Settings) -> int:
    """The port to serve at; a free one if the settings say 0. Raises TenfoldError if it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
            probe.listen()
        except OSError as error:
            reason = error.strerror or error
            raise TenfoldError(f"can't serve at {settings.host}, port {settings.port}: {reason}") from None
        port: int = probe.getsockname()[1]
        return port


def page_url(settings: Settings, port: int) -> str:
    """The page's address; on a terminal with the token behind a #, which browsers send nowhere. Logs are kept."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    token = f"#token={settings.token}" if settings.token and sys.stderr.isatty() else ""
    return f"http://{host}:{port}/{token}"
