"""The steps by hand in JAX: loss, gradients and the optimizer in one compiled function, from batches on the device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax_models as models
import large
import numpy as np
from loops import LARGE, TOY_BATCH, TOY_BATCHES, TOY_LENGTH, Loop

Update = Callable[[Any, Any, Any, Any], Any]


def sgd(rate: float, momentum: float = 0.0) -> Update:
    """Gradient descent; the first slot holds the momentum."""

    def update(p: Any, g: Any, slots: Any, step: Any) -> Any:
        v = momentum * slots[0] - rate * g
        return p + v, (v, slots[1])

    return update


def adam(rate: float, beta1: float = 0.9, beta2: float = 0.999, decay: float = 0.0) -> Update:
    """Adam (Kingma & Ba 2014), with decoupled weight decay."""

    def update(p: Any, g: Any, slots: Any, step: Any) -> Any:
        m, v = beta1 * slots[0] + (1 - beta1) * g, beta2 * slots[1] + (1 - beta2) * g * g
        hat_m, hat_v = m / (1 - beta1**step), v / (1 - beta2**step)
        return p * (1 - rate * decay) - rate * hat_m / (jnp.sqrt(hat_v) + 1e-7), (m, v)

    return update


def build(workload: str, toy: bool) -> tuple[Any, Any, Any, int, Any, Update]:
    """The model, x, y, batch, the loss of its outputs, and the optimizer's rule."""
    r = np.random.default_rng(0)
    if workload == "resnet50":
        s = large.TOY_RESNET if toy else large.ResNet()
        return functools.partial(models.resnet, s=s), *large.images(s), s.batch, models.cross_entropy, sgd(0.1, 0.9)
    if workload == "gpt2":
        g = large.TOY_GPT if toy else large.Gpt()
        rule = adam(6e-4, 0.9, 0.95, 0.1)
        return functools.partial(models.gpt, s=g), *large.tokens(g), g.batch, models.cross_entropy, rule
    n = TOY_BATCHES if toy else 8
    if workload == "tiny":
        batch = TOY_BATCH if toy else 32
        x, y = r.random((n * batch, 32), "float32"), r.random((n * batch, 1), "float32")
        return models.tiny, x, y, batch, lambda o, t: jnp.mean((o - t) ** 2), sgd(0.01)
    if workload == "mlp":
        batch = TOY_BATCH if toy else 128
        x, y = r.random((n * batch, 784), "float32"), r.integers(0, 10, n * batch).astype("int32")
        return models.mlp, x, y, batch, models.cross_entropy, adam(1e-3)
    if workload == "lstm":
        batch, length = (TOY_BATCH, TOY_LENGTH) if toy else (32, 64)
        ids = r.integers(0, 96, (n * batch, length + 1)).astype("int32")
        return models.lstm, ids[:, :-1], ids[:, 1:], batch, models.cross_entropy, adam(1e-3)
    if workload == "resnet20":
        batch = TOY_BATCH if toy else 64
        x, y = r.random((n * batch, 32, 32, 3), "float32"), r.integers(0, 10, n * batch).astype("int32")
        return models.resnet20, x, y, batch, models.cross_entropy, sgd(0.1, 0.9)
    raise ValueError(f"no workload {workload!r}")


def make(workload: str, toy: bool) -> Loop:
    """The loop of a workload."""
    jax.config.update("jax_default_matmul_precision", "highest")  # float32 means float32
    model, x, y, batch, loss, rule = build(workload, toy)
    compute = jnp.bfloat16 if workload in LARGE else jnp.float32
    maker = models.Maker(None, compute)
    jax.eval_shape(lambda a: model(maker, a), x[:batch])
    params = {name: jnp.asarray(p) for name, p in maker.params.items()}
    slots = {name: (jnp.zeros_like(p), jnp.zeros_like(p)) for name, p in params.items()}
    state = (params, slots, jnp.zeros((), jnp.float32))
    batches = [(jnp.asarray(x[i : i + batch]), jnp.asarray(y[i : i + batch])) for i in range(0, len(x), batch)]

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, a: Any, b: Any) -> Any:
        params, slots, count = state
        value, grads = jax.value_and_grad(lambda p: loss(model(models.Maker(p, compute), a), b))(params)
        done = {name: rule(p, grads[name], slots[name], count + 1) for name, p in params.items()}
        return ({n: d[0] for n, d in done.items()}, {n: d[1] for n, d in done.items()}, count + 1), value

    def run(steps: int) -> int:
        nonlocal state
        for i in range(steps):
            state, value = step(state, *batches[i % len(batches)])
        value.block_until_ready()
        return steps

    return Loop(run, "mixed_bfloat16" if workload in LARGE else "float32")
