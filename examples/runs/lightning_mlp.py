"""Lightning: Trainer.fit with its tqdm bar, or with --rich its rich one."""

import sys
import warnings

import lightning
import torch
from data import digits, pace
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")


class Classifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))

    def training_step(self, batch, _index):
        loss = torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        pace()
        return loss

    def validation_step(self, batch, _index):
        pace(0.4)
        self.log("val_loss", torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1]), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


def loader(samples: int, seed: int) -> DataLoader:
    x, y = digits(samples, seed)
    return DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=64, shuffle=seed == 0)


def main() -> None:
    torch.set_num_threads(1)
    trainer = lightning.Trainer(
        max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False,
        callbacks=[RichProgressBar() if "--rich" in sys.argv else TQDMProgressBar()])
    trainer.fit(Classifier(), loader(12_800, 0), loader(3_200, 1))


if __name__ == "__main__":
    main()
