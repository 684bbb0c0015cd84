"""Valid files of every format, damaged at random: the answer is data or one short sentence, soon and in little memory.

`make fuzz` runs 10,000 mutations of each; TENFOLD_FUZZ sets another number.
"""

import bz2
import gzip
import lzma
import os
import resource
import struct
import sys
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tenfold.data.load import load_data
from tenfold.errors import MAX_MESSAGE, TenfoldError
from tests.data.formats import samples

MUTATIONS = int(os.environ.get("TENFOLD_FUZZ", "15"))
MAX_SECONDS = 10
MAX_BYTES = 1 << 30
FEW = {"images": samples.IMAGES[:4], "labels": samples.LABELS[:4]}
ROWS = samples.labeled()[:4]
TABLE = samples.table(["label", *samples.PIXELS], ROWS)

FILES = {
    "table.csv": TABLE,
    "table.csv.gz": gzip.compress(TABLE),
    "table.csv.xz": lzma.compress(TABLE),
    "table.csv.bz2": bz2.compress(TABLE),
    "floats.tsv": samples.table([], [[cell / 255 for cell in row] for row in ROWS], "\t"),
    "spaces.txt": samples.table([], ROWS, " "),
    "wide.csv": TABLE.decode().encode("utf-16"),
    "labels-idx1-ubyte": samples.idx(samples.LABELS),
    "images-idx3-ubyte": samples.idx(samples.IMAGES[:4]),
    "images.npy": samples.npy(FEW["images"]),
    "arrays.npz": samples.npz(**FEW),
    "mnist.libsvm": samples.libsvm(samples.ROWS[:4], samples.LABELS[:4]),
    "mnist.arff": samples.arff(),
    "sparse.arff": samples.arff(is_sparse=True),
    "tables.zip": samples.zipped({"train.csv": TABLE, "test.csv": TABLE}),
    "idx.tar.gz": samples.tarred(samples.four_idx()),
    "pictures.zip": samples.zipped(samples.folders(images=samples.IMAGES[:4], labels=samples.LABELS[:4])),
    "arrays.mat": samples.mat(X=FEW["images"], y=FEW["labels"]),
    "usps.h5": samples.hdf5({"train/data": samples.ROWS[:4], "train/target": samples.LABELS[:4]}),
    "pixels.parquet": samples.parquet({"label": [1, 2], **{name: [0, 200] for name in samples.PIXELS}}),
    "pictures.parquet": samples.picture_parquet(samples.IMAGES[:4], samples.LABELS[:4]),
}
SPECIAL = [
    b"",
    b"\0",
    b"\xff" * 4,
    b"-1",
    b"1e999",
    b"nan",
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\x80",
    "٣".encode(),
    b"{",
    b"9" * 50,
]
SPECIAL += [struct.pack(order + kind, value) for order in "<>" for kind in "IQ" for value in (1 << 31, (1 << 32) - 1)]

# Where it happens (a fraction of the file), how many bytes it replaces, and by what.
mutations = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 3) | st.integers(0, 4000), st.sampled_from(SPECIAL) | st.binary(max_size=6)
    ),
    min_size=1,
    max_size=5,
)


def mutate(content, changes):
    for position, length, replacement in changes:
        at = int(position * len(content))
        content = content[:at] + replacement + content[at + length :]
    return content


def message_of(path):
    try:
        load_data(path)
    except TenfoldError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_read_or_named_in_one_sentence(name, tmp_path):
    path = tmp_path / name

    @settings(
        max_examples=MUTATIONS,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations)
    def check(changes):
        path.write_bytes(mutate(FILES[name], changes))
        start = time.process_time()
        message = message_of(path)
        assert len(message) <= MAX_MESSAGE
        assert message.isprintable()
        assert time.process_time() - start < MAX_SECONDS

    check()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert MUTATIONS < 1000 or peak < MAX_BYTES, f"{peak:,} bytes"


@pytest.mark.parametrize("name", FILES)
def test_files_to_mutate_are_valid(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    if "labels" in name:
        with pytest.raises(TenfoldError, match="contains labels, but no images"):
            load_data(path)
    else:
        found = load_data(path)
        assert found.train or found.test
