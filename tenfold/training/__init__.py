"""From a dataset and a recipe to a run."""

import torch

# Moments of units that hardly learn decay to denormal numbers, on which a processor takes ten times as long: late in
# the training of `dense-xxl` they tripled a step. Threads take the setting over when they start, so it has to be
# made before the first parallel operation.
torch.set_flush_denormal(True)
