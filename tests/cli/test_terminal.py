"""Terminals, pipes and signals: what a person sees while a training runs, and what ends it."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tenfold.training.callbacks import ProgressCallback

START = "from tenfold.cli.app import main; main()"
# A terminal sends Ctrl-C only to the session that it controls.
OWN_TERMINAL = f"import fcntl, os, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); {START}"


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class Terminal:
    """`tenfold ARGS` in a terminal window of its own."""

    def __init__(self, *args: str, columns: int, **environment: str) -> None:
        self._fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
        known = {name: value for name, value in os.environ.items() if name not in unset}
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *args], stdin=inner, stdout=inner, stderr=inner,
            env=known | {"TERM": "xterm-256color"} | environment,
        )  # fmt: skip
        os.close(inner)
        self.shown = ""

    def until(self, pattern: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not re.search(pattern, " ".join(plain(self.shown).split())):
            assert time.monotonic() < end, f"{pattern} was not shown: {self.shown[-2000:]}"
            assert self._read(), f"{pattern} was not shown before the end: {self.shown[-2000:]}"

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self._process.wait(timeout=120)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._fd)

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 120)[0]:
            return False
        with contextlib.suppress(OSError):  # Linux's way to say that the other side was closed
            block = os.read(self._fd, 65536)
            self.shown += block.decode(errors="replace")
            return bool(block)
        return False


def test_terminal_progress_and_resume_after_ctrl_c(run_cli, quick, tmp_path):
    out = tmp_path / "my run"
    terminal = Terminal("train", *quick, "--epochs", "90000", "--out", str(out), columns=60)
    with contextlib.closing(terminal):
        terminal.until(r"images/s loss \d+\.\d{4}, accuracy \d+\.\d\d %, validation \d+\.\d\d %")
        terminal.until(r"dense-s \d+/90000 \S+ \d:\d\d:\d\d left \d+:\d\d:\d\d [\d,]+ images/s")
        assert "\x1b[" in terminal.shown
        terminal.type("\x03")
        assert terminal.end() == 130
    last = plain(terminal.shown).replace("\r", "")
    assert "stopping: writing the model and the report" in last
    assert "Traceback" not in last
    before = json.loads((out / "metrics.json").read_text())
    message = re.search(r"tenfold: stopped after epoch (\d+) of 90000; resume with: tenfold (.*)", last)
    assert message is not None, last[-2000:]
    assert int(message[1]) == before["epochs"]
    result = run_cli(*shlex.split(message[2]), "--time-limit", "0.3s", "--json")
    assert result.code == 0, result.err
    assert result.document["epochs"] >= before["epochs"]
    assert result.document["seconds"] > before["seconds"]


def test_no_color(trained):
    terminal = Terminal("evaluate", str(trained), "digits:test", columns=60, NO_COLOR="1")
    with contextlib.closing(terminal):
        assert terminal.end() == 0
    assert "\x1b[3" not in terminal.shown
    assert "\x1b[9" not in terminal.shown
    assert "precision" in terminal.shown


@pytest.mark.usefixtures("no_export")
def test_no_bar_or_color_without_terminal(run_cli, quick, tmp_path, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    result = run_cli("train", *quick, "--epochs", "1", "--out", tmp_path / "run")
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    (progress,) = result.err.splitlines()
    assert progress.startswith("dense-s: epoch 1/1, ")
    assert len(result.out.splitlines()) == 4


@pytest.mark.parametrize("args", [["recipes"], ["check", "digits"], ["evaluate", "RUN", "digits:test"]])
def test_narrow_terminal_truncates_nothing(run_cli, trained, monkeypatch, args):
    monkeypatch.setenv("COLUMNS", "60")
    result = run_cli(*(str(trained) if arg == "RUN" else arg for arg in args))
    assert result.code == 0
    assert "…" not in result.out
    prose = ("note:", "tenfold ", "Time:", "Start with", str(trained))  # wrapped by the terminal, if by anything
    tables = [line for line in result.out.splitlines() if not line.startswith(prose)]
    assert max(map(len, tables)) <= 60


@pytest.mark.usefixtures("no_export")
def test_ctrl_c_after_the_last_epoch_is_no_interruption(run_cli, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(ProgressCallback, "on_train_end", lambda self, state: signal.raise_signal(signal.SIGINT))
    result = run_cli("train", *quick, "--epochs", "1", "--out", tmp_path / "run", "--json")
    assert (result.code, result.document["finished"]) == (0, True)


def stopping(monkeypatch, *signals):
    """Send `signals` to this process in the middle of the second epoch."""
    on_step = ProgressCallback.on_step

    def step_and_signal(self, state):
        on_step(self, state)
        if (state.epoch, state.step) == (1, 2):
            for each in signals:
                signal.raise_signal(each)

    monkeypatch.setattr(ProgressCallback, "on_step", step_and_signal)


@pytest.mark.usefixtures("no_export")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_and_prints_resume_command(run_cli, quick, tmp_path, monkeypatch, number):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stopping(patch, number)
        result = run_cli("train", *quick, "--epochs", "3", "--out", out, "--json")
    assert result.code == result.document["error"]["exit_code"] == 130
    assert (result.document["epochs"], result.document["finished"]) == (1, False)
    assert result.document["error"]["message"] == (
        f"stopped after epoch 1 of 3; resume with: tenfold train --resume --out {out}"
    )
    assert (out / "model.onnx").exists()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    result = run_cli("train", "--resume", "--out", out, "--json")
    assert (result.code, result.document["epochs"], result.document["finished"]) == (0, 3, True)


def test_second_ctrl_c_exits_at_once(run_cli, quick, tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopping(monkeypatch, signal.SIGINT, signal.SIGINT)
        result = run_cli("train", *quick, "--epochs", "3", "--out", tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.code, result.err.splitlines()[-1]) == (130, "tenfold: interrupted")
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.usefixtures("no_export")
def test_ignored_sigint_stays_ignored(run_cli, quick, tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a job that a shell put into the background
    try:
        stopping(monkeypatch, signal.SIGINT)
        result = run_cli("train", *quick, "--epochs", "2", "--out", tmp_path / "run", "--json")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.code, result.document["finished"]) == (0, True)


@pytest.fixture
def valid(tmp_path):
    file = tmp_path / "submission.csv"
    file.write_text("ImageId,Label\n1,7\n")
    return str(file)


def checking(file, *args, **options):
    """`tenfold submit --check FILE`, the quickest command with a result."""
    command = [sys.executable, "-c", START, "submit", "--check", file, "--rows", "1", *args]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_closed_pipe_is_quiet(valid, json, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    process = checking(valid, *json, stdout=writer, env=os.environ | {"PYTHONUNBUFFERED": unbuffered})
    os.close(writer)
    assert (process.communicate(timeout=120)[1], process.returncode) == ("", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_output_device(valid):
    with Path("/dev/full").open("w") as full:
        process = checking(valid, stdout=full)
    message = "tenfold: standard output can't be written: No space left on device\n"
    assert (process.communicate(timeout=120)[1], process.returncode) == (message, 3)


CLOSED = "tenfold: standard output can't be written: it is closed\n"


@pytest.mark.parametrize("json", [[], ["--json"]])
@pytest.mark.parametrize(("rows", "message", "code"), [("1", CLOSED, 3), ("2", "tenfold: submission.csv, line 2: ", 4)])
def test_closed_stdout(valid, json, rows, message, code):
    arguments = ["submit", "--check", "submission.csv", "--rows", rows, *json]
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", START, *arguments]
    folder = Path(valid).parent
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False, cwd=folder)
    assert done.stderr.startswith(message)
    assert (done.stderr.count("\n"), done.returncode) == (1, code)


def test_ascii_console_gets_figures(tmp_path):
    file = tmp_path / "“submission”.csv"
    file.write_text("ImageId,Label\n1,7\n")
    process = checking(str(file), stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "?submission?.csv: valid, 1 row " in out


def test_output_in_a_new_folder_is_announced(run_cli, trained, tmp_path):
    out = tmp_path / "run" / "x" / "p.csv"
    result = run_cli("predict", trained, "digits", "-o", out)
    assert f"note: the folder {out.parent} does not exist, and is made for p.csv" in result.err
    assert "note: the folder" not in run_cli("predict", trained, "digits", "-o", out).err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_named_with_the_file(run_cli, trained, tmp_path, monkeypatch):
    def write(path, content):
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(content)

    monkeypatch.setattr(Path, "write_bytes", write)
    result = run_cli("predict", trained, "digits", "-o", tmp_path / "p.csv")
    assert result.code == 3
    assert result.err == f"tenfold: {tmp_path / 'p.csv'}: No space left on device\n"
    assert list(tmp_path.iterdir()) == []
