"""Networks from raw pixels to logits: normalization is their first layer, so it can't be forgotten."""

from tenfold.nets.network import Ensemble, Network, build
from tenfold.nets.summary import Layer, layer_table, parameter_count

__all__ = ["Ensemble", "Layer", "Network", "build", "layer_table", "parameter_count"]
