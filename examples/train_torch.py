"""Train with PyTorch, and resume where the last run stopped.

stoker pack PICTURES -o pictures.stk
python examples/train_torch.py pictures.stk            (again: it goes on)
torchrun --nproc-per-node 2 examples/train_torch.py pictures.stk
"""

import sys
from pathlib import Path

import stoker
import stoker.torch
import torch
from torch import nn

CHECKPOINT = Path("checkpoint.pt")
EPOCHS = 3

device = "cuda" if torch.cuda.is_available() else "cpu"
loader = stoker.torch.Loader(
    sys.argv[1],
    batch_size=64,
    transforms=[stoker.RandomResizedCrop(96), stoker.HorizontalFlip(), stoker.Normalize()],
    drop_last=True,
    device=device,
    progress=True,
)
model = nn.Sequential(
    nn.Conv2d(3, 32, 7, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(loader.classes)),
).to(device, memory_format=torch.channels_last)  # fmt: skip
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

if CHECKPOINT.exists():
    saved = torch.load(CHECKPOINT)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    loader.load_state_dict(saved["loader"])  # the exact step, also with another number of ranks

for _ in range(loader.epoch, EPOCHS):
    for step, (images, labels) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "loader": loader.state_dict()}
            torch.save(state, CHECKPOINT)
    print(loader.report())
