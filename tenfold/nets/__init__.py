"""Networks: raw pixels in, logits out; normalisation is the first layer, so it can't be forgotten."""

from tenfold.nets.build import Ensemble, Network, build
from tenfold.nets.table import Layer, layer_table, parameter_count

__all__ = ["Ensemble", "Layer", "Network", "build", "layer_table", "parameter_count"]
