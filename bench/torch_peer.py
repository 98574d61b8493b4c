"""The sequential workloads by hand in PyTorch (eager, fused optimizers): what a careful user would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def make(workload: str, threads: int, infer: bool) -> tuple[Callable[[], None], int]:
    """A function that runs one pass over the data, and its number of steps."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    r = np.random.default_rng(0)
    if workload == "tiny":
        model: Any = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        x, y, batch = r.random((6400, 32), "float32"), r.random((6400, 1), "float32"), 32
        loss_fn: Any = nn.MSELoss()
    elif workload == "mlp":
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        x, y, batch = r.random((128 * 40, 784), "float32"), r.integers(0, 10, 128 * 40), 128
        loss_fn = nn.CrossEntropyLoss()
    elif workload == "cnn":
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        ).to(memory_format=torch.channels_last)  # fmt: skip
        x, y, batch = r.random((128 * 8, 1, 28, 28), "float32"), r.integers(0, 10, 128 * 8), 128
        loss_fn = nn.CrossEntropyLoss()
    else:
        raise ValueError(f"no hand-written {workload!r}")
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    if tx.ndim == 4:
        tx = tx.contiguous(memory_format=torch.channels_last)
    sgd = workload == "tiny"
    optimizer = torch.optim.SGD(model.parameters(), 0.01) if sgd else torch.optim.Adam(model.parameters(), fused=True)

    def train() -> None:
        model.train()
        order = torch.randperm(len(tx))
        for i in range(0, len(tx), batch):
            ids = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            loss_fn(model(tx[ids]), ty[ids]).backward()
            optimizer.step()

    def predict() -> None:
        model.eval()
        with torch.inference_mode():
            for i in range(0, len(tx), batch):
                model(tx[i : i + batch])

    return (predict if infer else train), -(-len(tx) // batch)
