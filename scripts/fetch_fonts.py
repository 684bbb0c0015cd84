"""Download the free fonts that the recipes `robust` and `line` draw with: `python scripts/fetch_fonts.py`.

`fonts.csv` beside this file lists them: packages of Fontsource in npm's registry, each with its version, license and
sha512. They are stored in `fonts` in tenfold's cache folder, about 100 MB, and are not part of tenfold: without them a
training draws with the fonts that are installed.
"""

import csv
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pooch

from tenfold.files import cache_folder, write_bytes

LIST = Path(__file__).with_name("fonts.csv")
REGISTRY = "https://registry.npmjs.org/@fontsource"
WEIGHTS = {"100", "300", "400"}  # thin and regular strokes, as of pens
CONNECTIONS = 4


def main() -> int:
    folder = cache_folder() / "fonts"
    with LIST.open(newline="") as file:
        fonts = list(csv.DictReader(file))
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        counts = list(threads.map(lambda font: fetch(font, folder), fonts))
    print(f"{folder}: {len(fonts)} packages, {sum(counts)} font files")
    return 0


def fetch(font: dict[str, str], folder: Path) -> int:
    """The number of font files of a package, which is downloaded and unpacked unless it is there."""
    target = folder / f"{font['package']}-{font['version']}"
    if not target.exists():
        name = f"{font['package']}-{font['version']}.tgz"
        archive = Path(
            pooch.retrieve(f"{REGISTRY}/{font['package']}/-/{name}", f"sha512:{font['sha512']}", name, folder)
        )
        unpack(archive, target)
        archive.unlink()
    return len(list(target.glob("*.woff")))


def unpack(archive: Path, target: Path) -> None:
    """The regular fonts of an archive, and their license."""
    with tarfile.open(archive) as package:
        for member in package:
            name = PurePosixPath(member.name).name
            file = package.extractfile(member) if is_wanted(name) else None
            if file:
                write_bytes(target.parent / f"{target.name}.partial" / name, file.read())
    (target.parent / f"{target.name}.partial").rename(target)


def is_wanted(name: str) -> bool:
    """Whether a file is the license or a font in one of the `WEIGHTS`: FAMILY-SUBSET-WEIGHT-STYLE.woff.

    Numbered subsets repeat what the subset of the whole script has.
    """
    if name == "LICENSE":
        return True
    *_, subset, weight, style = ("", "", *name.removesuffix(".woff").split("-"))
    return name.endswith(".woff") and style == "normal" and weight in WEIGHTS and not subset.isdigit()


if __name__ == "__main__":
    sys.exit(main())
