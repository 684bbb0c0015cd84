"""Public data sets by name: where their files are, what they must hash to, under which license, and how to get them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenfold.errors import UnavailableError, shorten
from tenfold.files import cache_folder

RETRIES = 1  # for each file and mirror
TIMEOUT = 30  # seconds without a response


@dataclass(frozen=True)
class Source:
    """A data set that is downloaded once.

    mirrors: folders on the web, tried in order. files: name -> SHA-256, or "md5:..." where its makers and torchvision
    publish no other hash. license: as its makers state it. folder: of the cache. prefix: which of an archive's files
    are meant.
    """

    title: str
    mirrors: tuple[str, ...]
    files: dict[str, str]
    license: str
    folder: str
    prefix: str = ""


EMNIST_MIRRORS = (
    "https://biometrics.nist.gov/cs_links/EMNIST/",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
)
EMNIST_FILES = {"gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"}
EMNIST_LICENSE = "public domain (NIST Special Database 19)"

SOURCES = {
    "mnist": Source(
        "MNIST",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        "CC BY-SA 3.0",
        "mnist",
    ),
    "fashion-mnist": Source(
        "Fashion-MNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        "MIT",
        "fashion-mnist",
    ),
    "kmnist": Source(
        "KMNIST",
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        {
            "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        },
        "CC BY-SA 4.0",
        "kmnist",
    ),
    "emnist-digits": Source("EMNIST", EMNIST_MIRRORS, EMNIST_FILES, EMNIST_LICENSE, "emnist", "emnist-digits-"),
    "emnist-letters": Source("EMNIST", EMNIST_MIRRORS, EMNIST_FILES, EMNIST_LICENSE, "emnist", "emnist-letters-"),
    "qmnist": Source(
        "QMNIST",
        ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
        {
            "qmnist-train-images-idx3-ubyte.gz": "md5:ed72d4157d28c017586c42bc6afe6370",
            "qmnist-train-labels-idx2-int.gz": "md5:0058f8dd561b90ffdd0f734c6a30e5e4",
            "qmnist-test-images-idx3-ubyte.gz": "md5:1394631089c404de565df7b7aeaf9412",
            "qmnist-test-labels-idx2-int.gz": "md5:5b5b05890a5e13444e108efe57b788aa",
        },
        "BSD 3-clause",
        "qmnist",
    ),
    "usps": Source(
        "USPS",
        ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",),
        {
            "usps.bz2": "md5:ec16c51db3855ca6c91edd34d0e9b197",
            "usps.t.bz2": "md5:8ea070ee2aca1ac39742fdd1ef5ed118",
        },
        "none stated; collected for research (Hull, 1994)",
        "usps",
    ),
}


def download(name: str) -> Path:
    """The folder with the files of a data set; those that are missing or damaged in the cache are downloaded.

    Raises UnavailableError if no mirror has one.
    """
    source = SOURCES[name]
    folder = cache_folder() / source.folder
    for file in source.files:
        _fetch(file, source, folder)
    return folder


def is_downloaded(name: str) -> bool:
    """Whether all files are in the cache; their content is not read."""
    source = SOURCES[name]
    return all((cache_folder() / source.folder / file).is_file() for file in source.files)


def _fetch(name: str, source: Source, folder: Path) -> None:
    """Bring one file into the cache unless it is there and intact; tries one mirror after the other."""
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
    failures = []
    for mirror in source.mirrors:
        registry = pooch.create(folder, mirror, registry=source.files, retry_if_failed=RETRIES)
        try:
            registry.fetch(name, downloader=downloader)
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{shorten(mirror, 60)}: {_reason(error)}")
        except OSError as error:
            raise UnavailableError(
                f"{shorten(folder)} can't be written ({error.strerror or error}); "
                "set TENFOLD_CACHE to a folder that can"
            ) from None
        else:
            return
    raise UnavailableError(
        f"{source.title} can't be downloaded ({'; '.join(failures)}); connect to the internet once, or put "
        f"{name} into {shorten(folder, 80)}"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no response"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the file is damaged" if isinstance(error, ValueError) else shorten(error, 80)
