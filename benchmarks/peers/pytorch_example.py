"""PyTorch's own MNIST example, from its description: two 3x3 convolutions, pool, 128, 10, dropout, Adadelta.

    python pytorch_example.py SEED EPOCHS

Batches of 64, rate 1.0 times 0.7 an epoch, digits less their mean by their deviation; here they lie in memory, which
spares the example its slow loader. Prints one JSON line.
"""

import json
import sys
import time

import torch
import torch._dynamo  # which the first optimizer would load
import torch.nn.functional as F
from torch import nn

from tenfold.data import load_data

seed, epochs = int(sys.argv[1]), int(sys.argv[2])
mnist = load_data("mnist")


def pixels(images) -> torch.Tensor:
    return ((torch.tensor(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1)  # (N, 1, 28, 28)


start = time.perf_counter()
torch.manual_seed(seed)
images, labels = pixels(mnist.train.images), torch.tensor(mnist.train.labels).long()
model = nn.Sequential(
    nn.Conv2d(1, 32, 3),
    nn.ReLU(),
    nn.Conv2d(32, 64, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(64 * 12 * 12, 128),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(128, 10),
)
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
for _ in range(epochs):
    for rows in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    schedule.step()
seconds = time.perf_counter() - start

model.eval()
with torch.no_grad():
    predictions = torch.cat([model(part).argmax(1) for part in pixels(mnist.test.images).split(1000)])
errors = int((predictions != torch.tensor(mnist.test.labels)).sum())
parameters = sum(parameter.numel() for parameter in model.parameters())
print(
    json.dumps(
        {"seconds": seconds, "errors": errors, "parameters": parameters, "versions": f"PyTorch {torch.__version__}"}
    )
)
