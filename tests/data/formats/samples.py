"""Files of digits in every format, made by the tests."""

import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
from PIL import Image

RNG = np.random.default_rng(21)
N = 20
IMAGES = np.zeros((N, 28, 28), np.uint8)
IMAGES[:, 4:24, 6:22] = RNG.integers(0, 256, (N, 20, 16)) * (RNG.random((N, 20, 16)) < 0.3)
LABELS = (np.arange(N) % 10).astype(np.uint8)
ROWS = IMAGES.reshape(N, 784)
PIXELS = [f"pixel{index}" for index in range(784)]


def idx(array, kind=8):
    return struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def table(header, rows, separator=",", end="\n"):
    lines = [separator.join(map(str, row)) for row in ([header] if header else []) + [list(row) for row in rows]]
    return (end.join(lines) + end).encode()


def labeled(rows=ROWS, labels=LABELS):
    return np.column_stack([labels, rows]).tolist()


def csv():
    return table(["label", *PIXELS], labeled())


def npz(**arrays):
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def png(image, **options):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", **options)
    return out.getvalue()


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def mat(**variables):
    from scipy.io import savemat

    out = io.BytesIO()
    savemat(out, variables, do_compression=True)
    return out.getvalue()


def hdf5(arrays):
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return out.getvalue()


def parquet(columns):
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def picture_parquet(images=IMAGES, labels=LABELS):
    return parquet({"image": [{"bytes": png(image), "path": None} for image in images], "label": labels.tolist()})


def libsvm(rows=ROWS, labels=LABELS):
    lines = [
        f"{label} " + " ".join(f"{index + 1}:{value}" for index, value in enumerate(row) if value)
        for label, row in zip(labels.tolist(), rows.tolist(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode()


def arff(is_sparse=False):
    head = ["% mnist", "@RELATION mnist_784", *(f"@ATTRIBUTE pixel{index + 1} real" for index in range(784))]
    head += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    rows = np.column_stack([ROWS, LABELS]).tolist()
    if is_sparse:
        body = ["{" + ",".join(f"{at} {value}" for at, value in enumerate(row) if value) + "}" for row in rows]
    else:
        body = [",".join(map(str, row)) for row in rows]
    return "\n".join([*head, *body, ""]).encode()


def folders(prefix="", images=IMAGES, labels=LABELS):
    return {
        f"{prefix}{label}/{at:02}.png": png(image) for at, (image, label) in enumerate(zip(images, labels, strict=True))
    }


def four_idx(prefix=""):
    return {
        f"{prefix}train-images-idx3-ubyte": idx(IMAGES),
        f"{prefix}train-labels-idx1-ubyte": idx(LABELS),
        f"{prefix}t10k-images-idx3-ubyte": idx(IMAGES[:5]),
        f"{prefix}t10k-labels-idx1-ubyte": idx(LABELS[:5]),
    }


def packed(files):
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
