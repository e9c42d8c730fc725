"""Train with JAX.

stoker pack PICTURES -o pictures.stk
python examples/train_jax.py pictures.stk
"""

import sys

import jax
import jax.numpy as jnp
import stoker
import stoker.jax

EPOCHS = 3

loader = stoker.jax.Loader(
    sys.argv[1], batch_size=64, image=stoker.RandomResizedCrop(64), drop_last=True, progress=True
)
params = {
    "conv": 0.1 * jax.random.normal(jax.random.key(0), (7, 7, 3, 32)),
    "linear": jnp.zeros((32, len(loader.classes))),
}


def loss(params, images, labels):
    x = images.astype(jnp.float32) / 127.5 - 1  # uint8 pictures: scaled where they are used
    x = jax.lax.conv_general_dilated(x, params["conv"], (4, 4), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    logits = jax.nn.relu(x).mean((1, 2)) @ params["linear"]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


@jax.jit
def step(params, images, labels):
    value, grads = jax.value_and_grad(loss)(params, images, labels)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), value


for _ in range(EPOCHS):
    for images, labels in loader:
        params, value = step(params, images, labels)
    print(f"loss {value:.3f}; {loader.report()}")
