"""How long reading a picture takes, beside unpacking it alone, the naive reading of one digit, and Tesseract.

    python benchmarks/reading_speed.py [--quick]

The pictures are drawn here: a 2 as people draw it on the page, in the forms and sizes that a canvas gives, and a photo
of 12 megapixels with a row of digits on paper in uneven light. Pictures and readers take turns. "unpacked" is Pillow's
part, to gray, and no more; "naive" shrinks that to 28x28, turns it round, and asks the same network. Exits with 1 where
a claim fails: a picture of 28x28 or of a canvas within 3 ms, the photo within 300 ms, `tenfold read` of a file from
start to answer within 0.6 s.
"""

import argparse
import io
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import tenfold

CANVAS_MS, PHOTO_MS, PROGRAM_MS = 3.0, 300.0, 600.0
CURVE = [(90, 110), (110, 60), (170, 45), (225, 75), (225, 130), (160, 200), (85, 270), (240, 268)]  # of 320x320
ROW = "2750"
MODEL = tenfold.load_model()

Readers = dict[str, Callable[[], object]]
Times = dict[str, list[float]]  # milliseconds, by reader


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the readings")
    divisor = 5 if parser.parse_args().quick else 1
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in ("opencv-python-headless", "onnxruntime", "pillow")) + "\n")
    print(f"{'milliseconds':58}{'median':>9}{'fastest':>9}{'slowest':>9}{'n':>6}")
    canvas = [timed(name, digit_readers(picture), 300 // divisor) for name, picture in drawings().items()]
    photo = timed("12 megapixels, JPEG", row_readers(photo_of_a_row()), 15 // divisor)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.png"
        path.write_bytes(packed(drawing(320)))
        program = timed("320x320, gray PNG, program", programs(path), 15 // divisor)
    return report([
        ("a picture of 28x28 or a canvas", max(statistics.median(times["tenfold"]) for times in canvas), CANVAS_MS),
        ("a row on a photo of 12 megapixels", statistics.median(photo["tenfold"]), PHOTO_MS),
        ("`tenfold read` from start to answer", statistics.median(program["tenfold"]), PROGRAM_MS),
    ])  # fmt: skip


def drawings() -> dict[str, bytes | np.ndarray]:
    """One digit, as a canvas gives it; an array is uint8 (H, W)."""
    return {
        "28x28, gray PNG": packed(drawing(28)),
        "280x280, array": drawing(280),
        "280x280, color and transparency, PNG": packed(drawing(280), transparent=True),
        "320x320, array": drawing(320),
        "320x320, gray PNG": packed(drawing(320)),
        "320x320, color and transparency, PNG": packed(drawing(320), transparent=True),
    }


def drawing(side: int) -> np.ndarray:
    """A 2, black on white, uint8 (side, side)."""
    canvas = cv2.polylines(np.full((320, 320), 255, np.uint8), [np.array(CURVE)], False, 0, 24, cv2.LINE_AA)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)


def packed(gray: np.ndarray, transparent: bool = False) -> bytes:
    """As a PNG, gray or RGBA as browsers make them."""
    image, content = Image.fromarray(gray), io.BytesIO()
    (image.convert("RGBA") if transparent else image).save(content, "PNG")
    return content.getvalue()


def photo_of_a_row() -> bytes:
    """A JPEG of 4000x3000: ROW on paper, lit from one side, with the noise of a camera."""
    ink = np.zeros((3000, 4000), np.uint8)
    for index, digit in enumerate(ROW):
        cv2.putText(ink, digit, (600 + 700 * index, 1900), cv2.FONT_HERSHEY_SIMPLEX, 22, 255, 60)
    paper = 215 + np.linspace(0, 30, 4000)[None] - 0.6 * ink + np.random.default_rng(0).normal(0, 4, ink.shape)
    content = io.BytesIO()
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).convert("RGB").save(content, "JPEG", quality=90)
    return content.getvalue()


def digit_readers(picture: bytes | np.ndarray) -> Readers:
    must_read("2", tenfold.read(picture).text)
    return {
        "tenfold": lambda: tenfold.read(picture),
        "unpacked": lambda: unpacked(picture),
        "naive": lambda: MODEL.predict(255 - cv2.resize(unpacked(picture), (28, 28))[None]),
    }


def row_readers(picture: bytes) -> Readers:
    must_read(ROW, tenfold.read(picture, expect="line").text)
    return {"tenfold": lambda: tenfold.read(picture, expect="line"), "unpacked": lambda: unpacked(picture)}


def programs(path: Path) -> Readers:
    """Each starts, reads the picture in a file, and ends. Tesseract's answer is its own affair."""
    tenfold_read = Path(sys.executable).with_name("tenfold"), "read", path
    must_read("2", run(*tenfold_read).split()[1])
    readers: Readers = {"tenfold": lambda: run(*tenfold_read)}
    if tesseract := shutil.which("tesseract"):
        digits = ("--psm", "10", "-c", "tessedit_char_whitelist=0123456789")
        readers["Tesseract"] = lambda: run(tesseract, path, "stdout", *digits)
    return readers


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def unpacked(picture: bytes | np.ndarray) -> np.ndarray:
    return picture if isinstance(picture, np.ndarray) else np.asarray(Image.open(io.BytesIO(picture)).convert("L"))


def must_read(expected: str, text: str) -> None:
    if text != expected:
        sys.exit(f"read as {text!r}, not {expected!r}: the time of a wrong answer says nothing")


def timed(name: str, readers: Readers, times: int) -> Times:
    """Let the readers take turns, and print a row for each."""
    taken: Times = {reader: [] for reader in readers}
    for _ in range(times):
        for reader, read in readers.items():
            start = time.perf_counter()
            read()
            taken[reader].append(1000 * (time.perf_counter() - start))
    for reader, each in taken.items():
        print(f"{name + ': ' + reader:58}{statistics.median(each):9.2f}{min(each):9.2f}{max(each):9.2f}{times:6}")
    return taken


def report(claims: list[tuple[str, float, float]]) -> int:
    print()
    for what, milliseconds, limit in claims:
        holds = "holds" if milliseconds <= limit else "FAILS"
        print(f"{holds}  {what}: {milliseconds:.2f} ms, at most {limit:.0f}")
    return 0 if all(milliseconds <= limit for _, milliseconds, limit in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
