"""Reading digits: every source becomes a `Dataset`."""

from tenfold.data.dataset import Dataset, DatasetSplits
from tenfold.data.load import load_data

__all__ = ["Dataset", "DatasetSplits", "load_data"]
