import csv
import io
import random
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.data.formats import csv as csv_format
from tenfold.data.formats import dialect
from tenfold.data.formats.columns import PIXELS, Options
from tenfold.data.formats.csv import read_csv
from tenfold.errors import DataError

HEADER = ["label", *PIXELS]


def samples_of(content: bytes, **options):
    return read_csv(lambda: io.BytesIO(content), "digits.csv", Options(**options))


def read(content: bytes, **options):
    dataset, _ = samples_of(content, **options).to_dataset()
    return dataset.images, dataset.labels


def digits(n, seed=0):
    """A valid table of n rows: label, then 784 pixels."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.integers(0, 10, n), rng.integers(0, 256, (n, 784))]).astype(np.uint8)


def text_of(table, header=HEADER, end="\n"):
    return end.join([",".join(header), *(",".join(map(str, row)) for row in table.tolist()), ""])


def cells_of(n=3):
    """A valid table as lists of texts, to be made invalid."""
    return [list(map(str, row)) for row in digits(n).tolist()]


def join(rows, header=HEADER):
    return "\n".join([",".join(header), *(",".join(row) for row in rows), ""]).encode()


def assert_reads(content, table):
    images, labels = read(content)
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (len(table), 28, 28)
    assert images.flags.c_contiguous
    np.testing.assert_array_equal(labels, table[:, 0])
    np.testing.assert_array_equal(images.reshape(-1, 784), table[:, 1:])


# Accepted files


def test_plain_table_matches_pandas():
    text = text_of(digits(300))
    assert_reads(text.encode(), pd.read_csv(io.StringIO(text)).to_numpy(np.uint8))


def test_every_value_from_0_to_255():
    table = digits(2)
    table[:, 1:257] = np.arange(256)
    assert_reads(text_of(table).encode(), table)


def test_unlabeled():
    images, labels = read(text_of(digits(5)[:, 1:], PIXELS).encode())
    assert labels is None
    np.testing.assert_array_equal(images.reshape(5, 784), digits(5)[:, 1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("\n", "\r\n").removesuffix("\r\n"),
        lambda text: text + "\n\n",
        lambda text: re.sub(r"([^,\n]+)", r'"\1"', text),
        lambda text: re.sub(r"(\d+)(?=[,\n])", r" \1", text.partition("\n")[2]).join(
            [text.partition("\n")[0] + "\n", ""]
        ),
        lambda text: text.partition("\n")[0] + "\n" + re.sub(r"(\d+)(?=[,\n])", r"\1.0", text.partition("\n")[2]),
    ],
    ids=["BOM", "CRLF", "no final newline", "CRLF, no final newline", "blank end", "quoted", "blanks", "1.0"],
)
def test_accepted_spellings(change):
    table = digits(4)
    assert_reads(change(text_of(table)).encode(), table)


def test_columns_are_selected_by_name():
    table = digits(6)
    order = np.random.default_rng(3).permutation(785)
    assert_reads(text_of(table[:, order], [HEADER[i] for i in order]).encode(), table)


def test_label_in_the_last_column():
    table = digits(6)
    assert_reads(text_of(np.roll(table, -1, axis=1), [*PIXELS, "label"]).encode(), table)


@st.composite
def written_tables(draw):
    """A valid table and one of the valid ways to write it."""
    table = digits(draw(st.integers(1, 40)), draw(st.integers(0, 1000)))
    # Mostly black, as digits are: numbers of one, two and three digits are next to each other.
    table[:, 1:] *= np.random.default_rng(draw(st.integers(0, 1000))).random((len(table), 784)) < 0.2
    shuffled = draw(st.permutations(range(785))) if draw(st.booleans()) else range(785)
    order = list(shuffled)
    out = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    writer = csv.writer(out, quoting=quoting, lineterminator=end)
    writer.writerow([HEADER[i] for i in order])
    writer.writerows(table[:, order].tolist())
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return table, text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))


@settings(max_examples=25, deadline=None)
@given(written_tables())
def test_any_valid_table_round_trips(written):
    table, content = written
    assert_reads(content, table)


def test_any_block_size(monkeypatch):
    table = digits(20)
    content = text_of(table).encode()
    for size in (1, 7, 1000, 4096):
        monkeypatch.setattr(dialect, "BLOCK_BYTES", size)
        if size > 1 or len(content) < 100_000:
            assert_reads(content, table)


def test_both_parsers_agree():
    """Random cells from a small alphabet: the fast parser accepts exactly the plain ones, with the same values."""
    rng = random.Random(0)
    accepted = 0
    for _ in range(10_000):
        text = "".join(rng.choice("01259,\n") for _ in range(rng.randint(4, 12))) + "\n"
        width = rng.choice([1, 2, 3])
        cells = csv_format._parse_block(text.encode(), width)
        rows = list(csv.reader(io.StringIO(text)))
        plain = all(
            len(row) == width and all(cell and len(cell) <= 3 and int(cell) <= 255 for cell in row) for row in rows
        )
        assert (cells is not None) == plain, text
        if cells is not None:
            accepted += 1
            np.testing.assert_array_equal(cells, [[int(cell) for cell in row] for row in rows])
    assert accepted > 100


def test_fast_parser_accepts_kaggles_files(monkeypatch):
    monkeypatch.setattr(csv_format, "_parse_slowly", None)
    assert_reads(text_of(digits(50)).encode(), digits(50))


# Rejected files: one sentence with file, row and column


def error_of(content: bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("digits.csv")
    assert "\n" not in message
    return caught.value


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("", "the cell is empty; expected an integer from 0 to 255"),
        ("  ", "the cell is empty"),
        ("NaN", "'NaN' is not a number"),
        ("inf", "'inf' is not a number"),
        ("-1", "'-1' is out of range"),
        ("256", "'256' is out of range"),
        ("300", "'300' is out of range"),
        ("999", "'999' is out of range"),
        ("1000", "'1000' is out of range"),
        ("1e400", "'1e400' is out of range"),
        ("0.5", "'0.5' is a fraction"),
        ("1_0", "'1_0' is not a number"),
        ("٣", "'٣' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("black", "'black' is not a number"),
        ("1\x002", "the cell contains a NUL byte"),
        ("x" * 300, "'xxxxxxxxxxxxxxxxxxxx…' is not a number"),
    ],
)
def test_invalid_pixel(cell, problem):
    rows = cells_of()
    rows[1][6] = cell
    rows[2][0] = "wrong, but later"
    error = error_of(join(rows))
    assert error.problem.startswith(problem)
    assert (error.row, error.line, error.column) == (2, 3, "pixel5")
    assert str(error).startswith(f"digits.csv, row 2 (line 3), column pixel5: {problem}")


@pytest.mark.parametrize("label", ["10", "11", "255", "-1", "", "dog", "1.5"])
def test_invalid_label(label):
    rows = cells_of()
    rows[2][0] = label
    error = error_of(join(rows))
    assert (error.row, error.column) == (3, "label")
    assert "expected an integer from 0 to 9" in error.problem


def test_invalid_utf8():
    rows = cells_of()
    rows[0][1] = "@"
    error = error_of(join(rows).replace(b"@", b"\xe9"))
    assert (error.row, error.column) == (1, "pixel0")


@pytest.mark.parametrize("delete", [1, 784])
def test_row_with_too_few_cells(delete):
    rows = cells_of()
    del rows[1][-delete:]
    error = error_of(join(rows))
    assert (error.row, error.line) == (2, 3)
    assert f"has {785 - delete} cells; expected 785" in error.problem


def test_row_with_too_many_cells():
    rows = cells_of()
    rows[0].append("0")
    error = error_of(join(rows))
    assert error.row == 1
    assert "has 786 cells" in error.problem


def test_ragged_rows_with_the_right_total():
    rows = cells_of()
    rows[1].append(rows[0].pop())
    assert error_of(join(rows)).row == 1


def test_truncated_row():
    error = error_of(join(cells_of())[:-400])
    assert (error.row, error.line) == (3, 4)


def test_blank_line_between_rows():
    rows = cells_of()
    rows[1] = []
    error = error_of(join(rows))
    assert (error.row, error.line) == (2, 3)
    assert "blank line" in error.problem


def test_line_numbers_with_line_ends_in_quotes():
    rows = cells_of()
    rows[0][3] = f'"\n{rows[0][3]}"'
    rows[1][6] = "-5"
    error = error_of(join(rows))
    assert (error.row, error.line, error.column) == (1, 3, "pixel2")


def test_unclosed_quote():
    rows = cells_of()
    rows[1][3] = '"7'
    error = error_of(join(rows))
    assert error.row == 2
    assert "is not valid CSV" in error.problem


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_empty(content):
    assert "is empty" in str(error_of(content))


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_header_only(end):
    assert "has a header but no rows" in str(error_of((",".join(HEADER) + end).encode()))


def test_nul_bytes_in_the_header():
    assert "NUL bytes" in str(error_of(join(cells_of()).replace(b"pixel9,", b"pixel9\0,")))


def test_nul_bytes_after_the_header():
    """A file whose end was never written."""
    content = join(cells_of())
    assert error_of(content[:-600] + bytes(600)).row == 3


def test_missing_column():
    header = HEADER.copy()
    header.remove("pixel5")
    error = error_of(join([row[1:] for row in cells_of()], header))
    assert error.column == "pixel5"
    assert error.problem.startswith("is missing; expected the columns pixel0 to pixel783")


def test_renamed_column():
    header = ["pixle5" if name == "pixel5" else name for name in HEADER]
    error = error_of(join(cells_of(), header))
    assert error.column == "pixel5"
    assert "is missing, and column 7 has the unknown name 'pixle5'" in error.problem


def test_unknown_column():
    error = error_of(join(cells_of(), ["writer", *PIXELS]))
    assert "column 1 has the unknown name 'writer'" in str(error)
    assert "--label-column" in str(error)


def test_duplicate_column():
    header = ["pixel5" if name == "pixel6" else name for name in HEADER]
    error = error_of(join(cells_of(), header))
    assert error.column == "pixel5"
    assert "occurs twice, as columns 7 and 8" in error.problem


def test_random_bytes():
    noise = np.random.default_rng(0).integers(0, 256, 3 << 20).astype(np.uint8)
    error_of(noise.tobytes())
    error_of(noise[noise != ord("\n")].tobytes())


@pytest.mark.parametrize("rows", [1, 900])  # the latter are more than the longest line
def test_cr_line_ends(rows):
    content = text_of(digits(rows), end="\r").encode()
    assert str(error_of(content)) == "digits.csv: has lines that end with CR alone; expected LF or CRLF"


def test_endless_line():
    content = join(cells_of()) + b"1," * (2 << 20)
    assert "a line of more than 1 MiB" in str(error_of(content))
