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

from tenfold.training.callbacks import Watch

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


def test_a_terminal_shows_progress_and_ctrl_c_can_be_gone_on_from(run_cli, quick, tmp_path):
    out = tmp_path / "my run"
    terminal = Terminal("train", *quick, "--epochs", "90000", "--out", str(out), columns=60)
    with contextlib.closing(terminal):
        terminal.until(r"images/s loss \d+\.\d{4} accuracy \d+\.\d\d % held out \d+\.\d\d %")
        terminal.until(r"dense-s \d+/90000 \S+ \d:\d\d:\d\d left \d+:\d\d:\d\d [\d,]+ images/s")
        assert "\x1b[" in terminal.shown
        terminal.type("\x03")
        assert terminal.end() == 130
    last = plain(terminal.shown).replace("\r", "")
    assert "stopping: the model and the report are being written" in last
    assert "Traceback" not in last
    before = json.loads((out / "metrics.json").read_text())
    said = re.search(r"tenfold: stopped after (\d+) of 90000 epochs; go on with: tenfold (.*)", last)
    assert said is not None, last[-2000:]
    assert int(said[1]) == before["epochs"]
    ran = run_cli(*shlex.split(said[2]), "--time-limit", "0.3s", "--json")
    assert ran.code == 0, ran.err
    assert ran.document["epochs"] >= before["epochs"]
    assert ran.document["seconds"] > before["seconds"]


def test_no_color_gives_a_terminal_plain_results(trained):
    terminal = Terminal("evaluate", str(trained), "digits:test", columns=60, NO_COLOR="1")
    with contextlib.closing(terminal):
        assert terminal.end() == 0
    assert "\x1b[3" not in terminal.shown
    assert "\x1b[9" not in terminal.shown
    assert "precision" in terminal.shown


@pytest.mark.usefixtures("no_export")
def test_off_a_terminal_there_is_neither_bar_nor_color(run_cli, quick, tmp_path, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    ran = run_cli("train", *quick, "--epochs", "1", "--out", tmp_path / "run")
    assert (ran.code, ran.err) == (0, "")
    assert "\x1b" not in ran.out
    assert len(ran.out.splitlines()) == 4


@pytest.mark.parametrize("args", [["recipes"], ["check", "digits"], ["evaluate", "RUN", "digits:test"]])
def test_a_narrow_window_cuts_nothing(run_cli, trained, monkeypatch, args):
    monkeypatch.setenv("COLUMNS", "60")
    ran = run_cli(*(str(trained) if arg == "RUN" else arg for arg in args))
    assert ran.code == 0
    assert "…" not in ran.out
    tables = [line for line in ran.out.splitlines() if not line.startswith(("note:", "tenfold ", str(trained)))]
    assert max(map(len, tables)) <= 60


def stopping(monkeypatch, *signals):
    """Send `signals` to this process in the middle of the second epoch."""
    step = Watch.step

    def step_and_signal(self, state, steps):
        step(self, state, steps)
        if (state.epoch, state.step) == (1, 2):
            for each in signals:
                signal.raise_signal(each)

    monkeypatch.setattr(Watch, "step", step_and_signal)


@pytest.mark.usefixtures("no_export")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_an_epoch_saves_and_says_how_to_go_on(run_cli, quick, tmp_path, monkeypatch, number):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stopping(patch, number)
        ran = run_cli("train", *quick, "--epochs", "3", "--out", out, "--json")
    assert ran.code == ran.document["error"]["exit_code"] == 130
    assert (ran.document["epochs"], ran.document["finished"]) == (1, False)
    assert ran.document["error"]["message"] == (
        f"stopped after 1 of 3 epochs; go on with: tenfold train --resume --out {out}"
    )
    assert (out / "model.onnx").exists()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    ran = run_cli("train", "--resume", "--out", out, "--json")
    assert (ran.code, ran.document["epochs"], ran.document["finished"]) == (0, 3, True)


def test_a_second_ctrl_c_ends_at_once(run_cli, quick, tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopping(monkeypatch, signal.SIGINT, signal.SIGINT)
        ran = run_cli("train", *quick, "--epochs", "3", "--out", tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ran.code, ran.err) == (130, "tenfold: interrupted\n")
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.usefixtures("no_export")
def test_an_ignored_ctrl_c_stays_ignored(run_cli, quick, tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a job that a shell put into the background
    try:
        stopping(monkeypatch, signal.SIGINT)
        ran = run_cli("train", *quick, "--epochs", "2", "--out", tmp_path / "run", "--json")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ran.code, ran.document["finished"]) == (0, True)


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
def test_a_closed_pipe_is_no_noise(valid, json, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    process = checking(valid, *json, stdout=writer, env=os.environ | {"PYTHONUNBUFFERED": unbuffered})
    os.close(writer)
    assert (process.communicate(timeout=120)[1], process.returncode) == ("", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_device_for_the_output_is_one_sentence(valid):
    with Path("/dev/full").open("w") as full:
        process = checking(valid, stdout=full)
    said = "tenfold: standard output can't be written: No space left on device\n"
    assert (process.communicate(timeout=120)[1], process.returncode) == (said, 3)


CLOSED = "tenfold: standard output can't be written: it is closed\n"


@pytest.mark.parametrize("json", [[], ["--json"]])
@pytest.mark.parametrize(("rows", "said", "code"), [("1", CLOSED, 3), ("2", "tenfold: submission.csv, line 2: ", 4)])
def test_a_closed_output_is_one_sentence(valid, json, rows, said, code):
    arguments = ["submit", "--check", "submission.csv", "--rows", rows, *json]
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", START, *arguments]
    folder = Path(valid).parent
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False, cwd=folder)
    assert done.stderr.startswith(said)
    assert (done.stderr.count("\n"), done.returncode) == (1, code)


def test_an_output_without_unicode_still_gets_the_figures(tmp_path):
    file = tmp_path / "“submission”.csv"
    file.write_text("ImageId,Label\n1,7\n")
    process = checking(str(file), stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "?submission?.csv: valid, 1 row " in out
