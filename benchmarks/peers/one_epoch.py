"""The one-epoch recipe of tuomaso's train_mnist_fast, in plain PyTorch: the unit of time T of our benchmark.

    python one_epoch.py SEED [channels_last]

Written from its description: 24 convolutions of 5x5, pool, 32 of 3x3, pool, 256, 10; Adam 0.01 with betas 0.7 and 0.9,
one cycle, batches of 256, one epoch over digits that lie in memory. In PyTorch's own layout and number format;
`channels_last` as the second argument gives it the layout that is quicker on many processors, which the original did
not use. Prints one JSON line.
"""

import json
import sys
import time

import torch
import torch._dynamo  # which the first optimizer would load
import torch.nn.functional as F
from torch import nn

from tenfold.data import Dataset, load_data

BATCH = 256


def train(
    data: Dataset, seed: int, layout: torch.memory_format = torch.contiguous_format, device: str = "cpu"
) -> nn.Module:
    torch.manual_seed(seed)
    images = torch.tensor(data.images, device=device).unsqueeze(1).float()  # (N, 1, 28, 28)
    images = (images - images.mean()) / images.std()
    labels = torch.tensor(data.labels, device=device).long()
    model = nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 5 * 5, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    ).to(device=device, memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for rows in torch.randperm(len(images)).to(device).split(BATCH):
        loss = F.cross_entropy(model(images[rows].contiguous(memory_format=layout)), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def errors(model: nn.Module, train: Dataset, test: Dataset, device: str = "cpu") -> int:
    """On the test digits, in the measure of the training ones."""
    mean, deviation = (f(torch.tensor(train.images).float()) for f in (torch.mean, torch.std))
    images = (torch.tensor(test.images).unsqueeze(1).float() - mean) / deviation
    predictions = torch.cat([model(part.to(device)).argmax(1).cpu() for part in images.split(1000)])
    return int((predictions != torch.tensor(test.labels)).sum())


def main() -> None:
    seed, layout = int(sys.argv[1]), torch.channels_last if sys.argv[2:] else torch.contiguous_format
    mnist = load_data("mnist")
    start = time.perf_counter()
    model = train(mnist.train, seed, layout)
    seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "errors": errors(model, mnist.train, mnist.test),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": f"PyTorch {torch.__version__}",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
