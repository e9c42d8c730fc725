"""The way of PyTorch's imagenet example: meters printed every ten batches."""

import time

import torch
from data import digits, pace
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, EVERY = 4, 10


class Meter:
    """The last value of something and its mean."""

    def __init__(self, name: str, form: str) -> None:
        self.name, self.form, self.sum, self.n, self.last = name, form, 0.0, 0, 0.0

    def update(self, value: float) -> None:
        self.last, self.sum, self.n = value, self.sum + value, self.n + 1

    def __str__(self) -> str:
        return f"{self.name} {self.last:{self.form}} ({self.sum / self.n:{self.form}})"


def run_epoch(prefix: str, batches: DataLoader, net: torch.nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
    step, data, losses = Meter("Time", "6.3f"), Meter("Data", "6.3f"), Meter("Loss", ".4e")
    end = time.time()
    for i, (x, y) in enumerate(batches):
        data.update(time.time() - end)
        with torch.set_grad_enabled(optimizer is not None):
            loss = torch.nn.functional.cross_entropy(net(x), y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.update(loss.item())
        pace(1.0 if optimizer is not None else 0.4)
        step.update(time.time() - end)
        end = time.time()
        if i % EVERY == 0:
            width = len(str(len(batches)))
            print(f"{prefix}[{i + 1:{width}}/{len(batches)}]\t{step}\t{data}\t{losses}")


def main() -> None:
    torch.set_num_threads(1)
    x, y = map(torch.from_numpy, digits(38_400))
    x_val, y_val = map(torch.from_numpy, digits(12_800, seed=1))
    net = torch.nn.Sequential(torch.nn.Linear(64, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 10))
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    for epoch in range(EPOCHS):
        run_epoch(f"Epoch: [{epoch}]", DataLoader(TensorDataset(x, y), batch_size=128, shuffle=True), net, optimizer)
        run_epoch("Test: ", DataLoader(TensorDataset(x_val, y_val), batch_size=128), net, None)


if __name__ == "__main__":
    main()
