"""The way of nanoGPT: a character model, a line for each logged iteration, no total."""

import argparse
import time

import torch
from data import pace, text
from torch.nn import functional

BLOCK, BATCH = 32, 16


class Model(torch.nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(vocabulary, 64)
        self.layers = torch.nn.TransformerEncoder(
            torch.nn.TransformerEncoderLayer(64, 2, 128, batch_first=True), 2, enable_nested_tensor=False)
        self.head = torch.nn.Linear(64, vocabulary)
        self.mask = torch.nn.Transformer.generate_square_subsequent_mask(BLOCK)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embed(ids), mask=self.mask, is_causal=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_iters", type=int, default=600)
    parser.add_argument("--eval_interval", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ids = torch.tensor([ord(c) % 64 for c in text(100_000)])
    model = Model(64)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        at = torch.randint(len(ids) - BLOCK - 1, (BATCH,))
        return torch.stack([ids[i : i + BLOCK] for i in at]), torch.stack([ids[i + 1 : i + BLOCK + 1] for i in at])

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(x).flatten(0, 1), y.flatten())

    def estimate() -> float:
        model.eval()
        with torch.no_grad():
            mean = sum(loss_of(*batch()).item() for _ in range(20)) / 20
        model.train()
        return mean

    before = time.time()
    for i in range(arguments.max_iters + 1):
        if i % arguments.eval_interval == 0:
            print(f"step {i}: train loss {estimate():.4f}, val loss {estimate():.4f}")
            if i > 0:
                print("saving checkpoint to out")
        loss = loss_of(*batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace()
        now = time.time()
        if i % 10 == 0:
            print(f"iter {i}: loss {loss.item():.4f}, time {(now - before) * 1000:.2f}ms, mfu 0.01%")
        before = now


if __name__ == "__main__":
    main()
