"""Initial weights."""

from torch import nn


def glorot(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases (Glorot & Bengio 2010): Keras' defaults, which the write-ups used."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
