"""`tenfold read`: a line a file, tables, pictures with boxes, several models, and bad files among good ones."""

import csv
import json
import os
import shutil
import socket

import cv2
import numpy as np
import pytest
from PIL import Image

USAGE, INPUT, MISSING = 2, 3, 5


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with three pictures of digits, an empty one and a broken one."""
    folder = tmp_path_factory.mktemp("my pictures")
    for name, points in {
        "one": [[(30, 60), (60, 20), (60, 140)]],
        "seven": [[(20, 20), (90, 20), (40, 140)]],
        "pair": [[(30, 60), (60, 20), (60, 140)], [(120, 20), (190, 20), (140, 140)]],
    }.items():
        gray = np.full((160, 110 if len(points) == 1 else 220), 235, np.uint8)
        for line in points:
            cv2.polylines(gray, [np.array(line, np.int32)], False, 30, 11, cv2.LINE_AA)
        Image.fromarray(gray).save(folder / f"{name}.png")
    Image.new("L", (50, 50), 200).save(folder / "empty.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "sub").mkdir()
    shutil.copy(folder / "one.png", folder / "sub" / "[again].png")
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder / "cut.png"


def test_a_line_a_file(run_cli, pictures):
    ran = run_cli("read", pictures / "one.png", pictures / "pair.png")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"{pictures / 'one.png'}: 1 (")
    assert lines[1].startswith(f"{pictures / 'pair.png'}: 17 (")
    assert all(line.endswith(" %)") for line in lines)


def test_an_empty_picture_is_no_digit_and_no_error(run_cli, pictures):
    ran = run_cli("read", pictures / "empty.png")
    assert (ran.code, ran.out) == (0, f"{pictures / 'empty.png'}: no digit\n")


def test_json(run_cli, pictures):
    ran = run_cli("read", pictures / "pair.png", "--expect", "line", "--json")
    assert ran.code == 0
    (reading,) = ran.document["readings"]
    assert reading["file"] == str(pictures / "pair.png")
    assert reading["text"] == "17"
    assert 0 < reading["confidence"] <= 1
    one, seven = reading["digits"]
    assert (one["value"], seven["value"]) == (1, 7)
    assert abs(np.array(one["box"]) - [25, 14, 42, 132]).max() <= 3
    assert abs(np.array(seven["box"]) - [114, 14, 82, 132]).max() <= 3
    assert [value for value, _ in one["alternatives"]].count(1) == 0


def test_folders_and_patterns(run_cli, pictures):
    ran = run_cli("read", pictures)
    assert ran.code == 0
    assert [line.partition(": ")[0] for line in ran.out.splitlines()] == [
        str(pictures / name) for name in ("empty.png", "one.png", "pair.png", "seven.png", "sub/[again].png")
    ]
    assert run_cli("read", f"{pictures}/s*.png").out.startswith(f"{pictures}/seven.png: 7 (")
    assert run_cli("read", f"{pictures}/**/*.png", f"{pictures}/one.png").out.count("\n") == 5
    assert run_cli("read", f"{pictures}/sub/[again].png").out.startswith(f"{pictures}/sub/[again].png: 1 (")


def test_a_bad_file_among_good_ones(run_cli, pictures, broken):
    ran = run_cli("read", broken, pictures / "one.png", pictures / "nothing.png")
    assert ran.code == INPUT
    assert ran.out.startswith(f"{pictures / 'one.png'}: 1 (")
    first, second, last = ran.err.splitlines()
    assert first.startswith(f"tenfold: {broken}: is ")
    assert second == f"tenfold: {pictures / 'nothing.png'}: there is no such file"
    assert last == "tenfold: 2 of 3 files couldn't be read"
    content = run_cli("read", broken, pictures / "one.png", "--json")
    assert content.code == INPUT
    assert content.document["error"]["message"] == "1 of 2 files couldn't be read"
    bad, good = content.document["readings"]
    assert bad["error"].startswith(f"{broken}: is ")
    assert good["text"] == "1"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{broken}"], INPUT, "cut.png: is "),
        (["nothing.png"], MISSING, "nothing.png: there is no such file"),
        (["no*.png"], MISSING, "no*.png: there is no such file"),
        (["no[1].png"], MISSING, "no[1].png: there is no such file"),
        (["{empty}"], MISSING, "there are no pictures in this folder"),
        ([], USAGE, "Missing argument"),
        (["{broken}", "--expect", "word"], USAGE, "'word' is not one of"),
        (["{broken}", "--out", "a.txt"], USAGE, "a.txt ends neither in .csv nor in .json"),
        (["{broken}", "--models", "nothing"], MISSING, "nothing: there is no such model"),
        (["{broken}", "--models", "m", "--server", "http://127.0.0.1:9"], USAGE, "a server reads with its own model"),
        (["{broken}", "--out", "{notes}/out.csv"], INPUT, "notes.md/out.csv: can't be written, because "),
        (["{broken}", "--annotate", "{notes}/out.png"], INPUT, "notes.md/out.png: can't be written, because "),
        (["{broken}", "--annotate", "{notes}"], INPUT, "notes.md: this file is not a PNG, so it is not replaced"),
        (["{broken}", "--annotate", "{broken}"], INPUT, "cut.png: this picture is an input, so it is not replaced"),
        (
            ["{broken}", "a.png", "--annotate", "{notes}"],
            INPUT,
            "notes.md: this is a file; annotating 2 pictures takes a folder",
        ),
    ],
)
def test_one_sentence(run_cli, broken, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("mine")
    output_paths = {"broken": broken, "empty": tmp_path / "empty", "notes": tmp_path / "notes.md"}
    before = {path: path.read_bytes() for path in (broken, tmp_path / "notes.md")}
    ran = run_cli("read", *(argument.format(**output_paths) for argument in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert {path: path.read_bytes() for path in before} == before
    assert message in ran.err.splitlines()[-1]
    assert code == USAGE or ran.err.count("\n") == 1


def test_tables(run_cli, pictures, broken, tmp_path):
    out = tmp_path / "out.csv"
    ran = run_cli("read", pictures / "one.png", broken, pictures / "empty.png", "--out", out)
    assert ran.code == INPUT
    with out.open(newline="") as file:
        one, bad, empty = csv.DictReader(file)
    assert (one["file"], one["text"], one["digits"], one["error"]) == (str(pictures / "one.png"), "1", "1", "")
    assert 0 < float(one["confidence"]) <= 1
    assert (bad["text"], bad["confidence"]) == ("", "")
    assert bad["error"].startswith(str(broken))
    assert (empty["text"], float(empty["confidence"]), empty["digits"]) == ("", 0, "0")
    run_cli("read", pictures / "one.png", "--out", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())[0]["text"] == "1"


def test_show(run_cli, pictures, tmp_path):
    out = tmp_path / "shown.png"
    assert run_cli("read", pictures / "pair.png", "--annotate", out).code == 0
    with Image.open(out) as shown, Image.open(pictures / "pair.png") as before:
        pixels = np.asarray(shown.convert("RGB")).astype(int)
        assert shown.height > before.height
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80)
    assert red.sum() > 500  # the boxes
    assert run_cli("read", pictures / "one.png", pictures / "sub", "--annotate", tmp_path / "all").code == 0
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"one.png", "[again].png"}


def test_pictures_are_not_replaced_by_what_is_shown_of_them(run_cli, pictures, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(pictures, own)
    before = {path: path.read_bytes() for path in own.rglob("*.png")}
    (tmp_path / "link").symlink_to(own)
    for show in (own, tmp_path / "link"):
        ran = run_cli("read", own, "--annotate", show)
        assert (ran.code, ran.out) == (INPUT, "")
        assert "this picture is an input, so it is not replaced" in ran.err
    assert {path: path.read_bytes() for path in own.rglob("*.png")} == before


def test_pictures_that_are_called_alike_are_all_shown(run_cli, pictures, tmp_path):
    for name, suffix in (("one", "bmp"), ("seven", "tiff"), ("pair", "gif")):
        with Image.open(pictures / f"{name}.png") as picture:
            picture.save(tmp_path / f"a.{suffix}")
    shutil.copy(pictures / "empty.png", tmp_path / "a-2.png")
    out = tmp_path / "out"
    for _ in range(2):  # what was shown before is replaced
        ran = run_cli(
            "read",
            tmp_path / "a.bmp",
            tmp_path / "a.gif",
            *tmp_path.glob("a-*"),
            tmp_path / "a.tiff",
            "--annotate",
            out,
        )
        assert ran.code == 0
        assert sorted(path.name for path in out.iterdir()) == ["a-2-2.png", "a-2.png", "a-3.png", "a.png"]
    assert len({path.read_bytes() for path in out.iterdir()}) == 4


def test_a_folder_without_pictures_among_others(run_cli, pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run_cli("read", tmp_path / "empty", f"{tmp_path}/zz*", pictures / "one.png", tmp_path / "no[1].png")
    assert ran.code == MISSING
    assert ran.out.startswith(f"{pictures / 'one.png'}: 1 (")
    empty, *missing, last = ran.err.splitlines()
    assert empty.startswith(
        f"tenfold: {tmp_path / 'empty'}: there are no pictures in this folder; expected .avif, .bmp, "
    )
    assert missing == [f"tenfold: {tmp_path / name}: there is no such file" for name in ("zz*", "no[1].png")]
    assert last == "tenfold: 3 of 4 files couldn't be read"


def test_names_that_are_not_utf8_are_written_as_escapes(run_cli, pictures, tmp_path):
    bad = tmp_path / os.fsdecode(b"bad\xff.png")
    shutil.copy(pictures / "one.png", bad)
    assert run_cli("read", bad, "--out", tmp_path / "out.csv").code == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["file"], row["text"]) == (f"{tmp_path}/bad\\udcff.png", "1")
    assert run_cli("read", bad, "--out", tmp_path / "out.json").code == 0
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))[0]["file"] == str(bad)


def test_names_of_files_neither_steer_the_terminal_nor_break_a_line(run_cli, pictures, broken, tmp_path):
    good, bad = tmp_path / "a\x1b[31m\n1.png", tmp_path / "b\x1b]0;\x07.png"
    shutil.copy(pictures / "one.png", good)
    shutil.copy(broken, bad)
    ran = run_cli("read", good, bad)
    assert ran.out.startswith(f"{tmp_path}/a\\x1b[31m\\n1.png: 1 (")
    assert ran.err.startswith(f"tenfold: {tmp_path}/b\\x1b]0;\\x07.png: is ")
    assert (ran.out.count("\n"), ran.err.count("\n")) == (1, 2)
    assert run_cli("read", bad).err.startswith(f"tenfold: {tmp_path}/b\\x1b]0;\\x07.png: is ")
    assert run_cli("read", good, "--json").document["readings"][0]["file"] == str(good)


def test_titles_of_tables_do_not_steer_the_terminal(run_cli, kaggle_zip, tmp_path):
    shutil.copy(kaggle_zip, tmp_path / "a\x1b[31m.zip")
    ran = run_cli("check", tmp_path / "a\x1b[31m.zip")
    assert "a\\x1b[31m.zip" in ran.out
    assert "\x1b" not in ran.out + ran.err


def test_the_bundled_model_beside_ones_own(run_cli, pictures, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = run_cli("read", pictures / "seven.png", "--models", trained, "bundled", "--json").document["readings"][0]
    assert list(content["models"]) == [str(trained), "bundled"]
    assert run_cli("read", pictures / "seven.png", "--models", "bundled").out.endswith(" %)\n")


def test_pictures_are_named_before_models(run_cli, trained):
    ran = run_cli("read", trained, "--models", trained)
    assert (ran.code, ran.out) == (2, "")
    assert "say which pictures to read" in ran.err


def test_a_run_whose_name_looks_like_a_pattern(run_cli, pictures, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "m[1]")
    ran = run_cli("read", pictures / "seven.png", "--models", tmp_path / "m[1]")
    assert (ran.code, ran.err) == (0, "")


def test_models_side_by_side(run_cli, pictures, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "a")
    shutil.copytree(trained, tmp_path / "runs" / "b")
    for arguments in (
        [
            pictures / "seven.png",
            "--models",
            tmp_path / "runs" / "a",
            tmp_path / "runs" / "b",
        ],  # as a shell hands it on
        [pictures / "seven.png", "--models", tmp_path / "runs" / "*"],
    ):
        ran = run_cli("read", *arguments)
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert lines[0] == str(pictures / "seven.png")
        for line, name in zip(lines[1:], "ab", strict=True):
            assert line.startswith(f"  {tmp_path / 'runs' / name}: ")
        content = run_cli("read", *arguments, "--json").document["readings"][0]
        assert list(content["models"]) == [str(tmp_path / "runs" / "a"), str(tmp_path / "runs" / "b")]


def test_an_empty_name_means_nothing(run_cli, pictures):
    ran = run_cli("read", "")
    assert (ran.code, ran.err) == (
        5,
        "tenfold: the name of a picture is empty; expected a file, a folder or a glob pattern\n",
    )
    assert run_cli("read", pictures, "--server", "").code == 3


def test_read_reports_broken_link(run_cli, tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    ran = run_cli("read", tmp_path)
    assert (ran.code, "gone.png: there is no such file" in ran.err) == (5, True)


def test_a_table_does_not_replace_a_picture(run_cli, tmp_path):
    named = tmp_path / "digits.csv"
    named.write_bytes(b"a picture, for all we know")
    assert run_cli("read", named, "-o", named).code == 2
    assert named.read_bytes() == b"a picture, for all we know"


def test_the_exit_code_is_that_of_all(run_cli, broken, tmp_path):
    names = [tmp_path / "one.png", tmp_path / "two.png"]
    assert [run_cli("read", *names[:n]).code for n in (1, 2)] == [5, 5]
    assert run_cli("read", names[0], broken).code == 3


def test_a_server_that_is_away_is_asked_once(run_cli, pictures):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    ran = run_cli("read", pictures, "--server", f"http://127.0.0.1:{port}")
    assert ran.code == 5
    lines = [line for line in ran.err.splitlines() if "the request failed" in line]
    assert len(lines) > 1
    assert all(".png" in line or ".jpg" in line for line in lines)


def test_a_picture_named_like_a_home_is_a_picture(run_cli, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(pictures / "one.png", "~backup.png")
    for _ in range(2):
        assert run_cli("read", "~backup.png", "-o", "out.csv").code == 0


def test_a_table_does_not_replace_a_part_of_a_run_that_a_pattern_means(run_cli, pictures, trained):
    metrics = trained / "metrics.json"
    before = metrics.read_bytes()
    ran = run_cli("read", pictures / "one.png", "--models", f"{trained.parent}/r*", "-o", metrics)
    assert (ran.code, metrics.read_bytes()) == (2, before)


def test_nothing_in_a_folder_vanishes(run_cli, pictures, tmp_path):
    """Pages, animations, photos of phones, drawings and damaged files: read, or listed with what is wrong."""
    folder = tmp_path / "scans"
    folder.mkdir()
    one, seven = (Image.open(pictures / f"{name}.png") for name in ("one", "seven"))
    one.save(folder / "pages.tif", save_all=True, append_images=[seven])
    one.save(folder / "pages.pdf", save_all=True, append_images=[seven])
    one.save(folder / "wave.gif", save_all=True, append_images=[seven], duration=50)
    pytest.importorskip("pillow_heif").from_pillow(one.convert("RGB")).save(folder / "photo.heic", quality=95)
    (folder / "drawing.svg").write_text("<svg/>")
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    table, annotated = tmp_path / "out.csv", tmp_path / "annotated"
    ran = run_cli("read", folder, "--expect", "digit", "--out", table, "--annotate", annotated)
    assert ran.code == INPUT
    assert ran.err.splitlines()[-1] == "tenfold: 2 of 8 files couldn't be read"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    found = {(row["file"].rpartition("/")[2], row["page"]): row["text"] for row in rows if not row["error"]}
    assert found == {
        ("pages.pdf", "1"): "1",
        ("pages.pdf", "2"): "7",
        ("pages.tif", "1"): "1",
        ("pages.tif", "2"): "7",
        ("photo.heic", ""): "1",
        ("wave.gif", ""): "1",
    }
    assert [row["note"] for row in rows if row["note"]] == ["is an animation: its first frame was read"]
    errors = {row["file"].rpartition("/")[2]: row["error"] for row in rows if row["error"]}
    assert errors.keys() == {"drawing.svg", "cut.jpg"}
    assert "is an SVG drawing; export it as PNG" in errors["drawing.svg"]
    assert len(list(annotated.iterdir())) == 6
    readings = run_cli("read", folder, "--json").document["readings"]
    assert sum("error" in each for each in readings) == 2
    assert [each["page"] for each in readings if "page" in each] == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("https://example.com/7.png", "https://example.com/7.png: is a web address, which is not fetched; download it"),
        ("data:image/png;base64," + "iVBORw0KGgo" * 3000, ": is a data URL; save the picture"),
        ("x" * 5000 + ".png", "File name too long"),
    ],
)
def test_addresses_and_endless_names(run_cli, name, problem):
    ran = run_cli("read", name)
    assert ran.code in (INPUT, MISSING)
    assert problem in ran.err
    assert len(ran.err) < 320
