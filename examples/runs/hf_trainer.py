"""Hugging Face Trainer: a tiny GPT-2 from scratch on generated sentences."""

import tempfile

import torch
from data import pace, text
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

BLOCK = 64


class Blocks(torch.utils.data.Dataset):
    def __init__(self, count: int, seed: int) -> None:
        ids = torch.tensor([ord(c) % 128 for c in text(count * BLOCK, seed)])
        self.rows = ids.view(count, BLOCK)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict:
        return {"input_ids": self.rows[i], "labels": self.rows[i]}


class Paced(TrainerCallback):
    def on_step_end(self, *_arguments, **_more) -> None:
        pace()

    def on_prediction_step(self, *_arguments, **_more) -> None:
        pace(0.4)


def main() -> None:
    torch.set_num_threads(1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=128, n_positions=BLOCK, n_embd=64, n_layer=2, n_head=2))
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out, num_train_epochs=3, per_device_train_batch_size=16, per_device_eval_batch_size=16, logging_steps=20,
            eval_strategy="steps", eval_steps=100, save_steps=100, report_to=[], use_cpu=True)
        Trainer(model, arguments, train_dataset=Blocks(1600, 0), eval_dataset=Blocks(400, 1), callbacks=[Paced()]).train()


if __name__ == "__main__":
    main()
