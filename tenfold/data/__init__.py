"""Reading digits: every source becomes a `Dataset`."""

from tenfold.data.dataset import Dataset
from tenfold.data.load import load_data
from tenfold.data.parts import Source

__all__ = ["Dataset", "Source", "load_data"]
