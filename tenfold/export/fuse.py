"""A trained network in the order in which it computes quickest."""

import copy

from torch import nn

from tenfold.nets import Network


def pooled_last(network: Network) -> Network:
    """A copy in which batch norm and ReLU come before pooling, so that both become part of the convolution.

    Where batch norm's weights are positive, both keep the larger of two values the larger, so it is all one whether the
    maximum is taken before or after. While a network learns, pooling first leaves them a quarter of the work.
    """
    network = copy.deepcopy(network)
    for layers in network.modules():
        if isinstance(layers, nn.Sequential):
            _reorder(layers)
    return network


def _reorder(layers: nn.Sequential) -> None:
    for place in range(len(layers) - 2):
        pool, norm, relu = (layers[place + step] for step in range(3))
        if not (isinstance(pool, nn.MaxPool2d) and isinstance(norm, nn.BatchNorm2d) and isinstance(relu, nn.ReLU)):
            continue
        if bool((norm.weight > 0).all()):
            layers[place], layers[place + 1], layers[place + 2] = norm, relu, pool
