#!/usr/bin/env python3
"""Show what Stoker does, in under three minutes: `make demo`.

Draws a small picture dataset, packs it, trains a real convolutional network on it
through the Python package, and ends with the accuracy on pictures the network has
never seen, the share of time that the trainer waited, and the verdict.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import demo_networks
import demo_pictures
import numpy as np
import stoker
from stoker import _binary

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "demo-data"
EPOCHS = 14
BATCH_SIZE = 32
SIDE = 48
WANTED_ACCURACY = {"numpy": 0.6}  # its network is much smaller; of the others 0.9
BAR = sys.stderr.isatty()  # in a pipe, a line for each epoch
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def main() -> int:
    """Run the demo; return 1 where the network learnt too little."""
    begun = time.monotonic()
    os.environ["STOKER_ENGINE"] = f"@stoker-demo/{os.getpid()}"  # apart from real work on this machine
    draw()
    pack("train")
    pack("test")
    name, network = demo_networks.choose(len(demo_pictures.CLASSES))
    if name == "numpy":
        say("Neither PyTorch nor JAX is installed: a small numpy network trains instead.")
    return train(name, network, begun)


def draw() -> None:
    """Make the pictures."""
    title("Draw pictures of eight kinds")
    shutil.rmtree(FOLDER, ignore_errors=True)
    for number, (part, per_class) in enumerate((("train", 400), ("test", 100))):
        count = demo_pictures.draw_all(FOLDER / "pictures" / part, per_class, seed=number)
        say(f"{count} JPEG files in {(FOLDER / 'pictures' / part).relative_to(ROOT)}")


def pack(part: str) -> None:
    """Pack one folder by the command line."""
    source = (FOLDER / "pictures" / part).relative_to(ROOT)
    target = (FOLDER / f"{part}.stk").relative_to(ROOT)
    title(f"stoker pack {source} -o {target}")
    done = subprocess.run([_binary.find(), "pack", str(source), "-o", str(target)], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"stoker pack ended with exit code {done.returncode}")


def train(name: str, network: Any, begun: float) -> int:
    """Train, test, and give the verdict."""
    title(f"Train a convolutional network with {name}")
    loader = network.loader(
        str(FOLDER / "train.stk"),
        BATCH_SIZE,
        image=stoker.RandomResizedCrop(SIDE, scale=(0.5, 1.0)),
        seed=0,
        drop_last=True,
        progress=BAR,
    )
    waited = wall = 0.0
    for epoch in range(EPOCHS):
        loss = np.mean([network.step(images, labels) for images, labels in loader])
        figures = loader.stats()
        waited, wall = waited + figures["waited_s"], wall + figures["wall_s"]
        if not BAR:
            say(f"epoch {epoch}: loss {loss:.3f}, {figures['wall_s']:.1f} s")
    accuracy = test(network)
    title("Result")
    say(f"loss at the end     {loss:.3f}")
    say(f"test accuracy       {bold(f'{100 * accuracy:.1f} %')} of pictures never seen in training")
    say(f"waited for data     {bold(f'{100 * waited / wall:.1f} %')} of {wall:.1f} s of training")
    say(f"verdict             {loader.report()}")
    say(f"the whole demo      {time.monotonic() - begun:.0f} s")
    loader.close()
    wanted = WANTED_ACCURACY.get(name, 0.9)
    if accuracy < wanted:
        say(f"The network should reach {100 * wanted:.0f} %: something is wrong.")
        return 1
    return 0


def test(network: Any) -> float:
    """Return the share of right answers on the test pictures."""
    loader = network.loader(
        str(FOLDER / "test.stk"), 100, transforms=[stoker.Resize((SIDE, SIDE))], shuffle=False, last_batch="pad"
    )
    right = total = 0
    for images, labels in loader:
        count = loader.valid
        right += int((network.predict(images) == np.asarray(labels))[:count].sum())
        total += count
    loader.close()
    return right / total


def title(text: str) -> None:
    """Begin a part."""
    print(f"\n{bold('==')} {bold(text)}", flush=True)


def say(text: str) -> None:
    """Print a line of a part."""
    print(f"   {text}", flush=True)


def bold(text: str) -> str:
    """Make text stand out in a terminal."""
    return f"\033[1m{text}\033[0m" if COLOUR else text


if __name__ == "__main__":
    try:
        sys.exit(main())
    except stoker.StokerError as err:
        sys.exit(f"stoker: {err}")
    except KeyboardInterrupt:
        sys.exit(130)
