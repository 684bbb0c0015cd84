"""The network of `cnn-887k` in PyTorch as its tutorials write it: a DataLoader over single images, default layouts.

    python torch_cnn.py DATA.npz

No augmentation. DATA.npz: images uint8 (N, 28, 28), labels uint8 (N,).
"""

import sys
import time

import numpy as np
import torch
from rounds import next_turn, say
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

BATCH = 86


class Digits(Dataset[tuple[Tensor, int]]):
    def __init__(self, path: str) -> None:
        data = np.load(path)
        self.images, self.labels = data["images"], data["labels"]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        # What torchvision's ToTensor does: (1, 28, 28), 0 to 1.
        return torch.from_numpy(self.images[i]).unsqueeze(0).float().div(255), int(self.labels[i])


digits = Digits(sys.argv[1])
model = nn.Sequential(
    nn.Conv2d(1, 32, 5, padding="same"),
    nn.ReLU(),
    nn.Conv2d(32, 32, 5, padding="same"),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Conv2d(32, 64, 3, padding="same"),
    nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding="same"),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(64 * 7 * 7, 256),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(256, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)

say(
    {
        "versions": f"PyTorch {torch.__version__}",
        "threads": torch.get_num_threads(),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
)
while batches := next_turn():
    loader = DataLoader(Subset(digits, range(batches * BATCH)), batch_size=BATCH, shuffle=True)
    model.train()
    running_loss = 0.0
    start = time.perf_counter()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    say(time.perf_counter() - start)
