"""Reading digits: every source becomes a `Dataset`."""

from tenfold.data.dataset import Dataset, row_hashes
from tenfold.data.parts import Source
from tenfold.data.sources import load_data

__all__ = ["Dataset", "Source", "load_data", "row_hashes"]
