"""The workloads by hand in JAX: functions of a ``Maker``, which makes the parameters at first and finds them later, and
of a batch. Products are computed in the maker's dtype from float32 parameters."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import large
import numpy as np
from jax import lax

Params = dict[str, Any]


class Maker:
    """Hands out parameters by name: makes them on a first pass over the model, and finds them on later ones."""

    def __init__(self, params: Params | None = None, compute: Any = jnp.float32) -> None:
        self.making, self.params = params is None, {} if params is None else params
        self.compute, self._random = compute, np.random.default_rng(0)

    def get(self, name: str, shape: tuple[int, ...], scale: float | None = None, fill: float | None = None) -> Any:
        """A parameter in float32: normal with a standard deviation of ``scale``, or ``fill``."""
        if self.making:
            deviation = 1 / math.sqrt(math.prod(shape[:-1])) if scale is None else scale
            drawn = self._random.standard_normal(shape, "float32") * deviation
            self.params[name] = drawn if fill is None else np.full(shape, fill, "float32")
        return jnp.asarray(self.params[name])

    def dense(self, name: str, x: Any, n: int) -> Any:
        """x times a kernel, plus a bias."""
        kernel, bias = self.get(f"{name}.kernel", (x.shape[-1], n)), self.get(f"{name}.bias", (n,), fill=0)
        return x.astype(self.compute) @ kernel.astype(self.compute) + bias.astype(self.compute)

    def conv(self, name: str, x: Any, f: int, k: int, stride: int = 1) -> Any:
        """A convolution of NHWC images, padded to keep their size over the stride."""
        kernel = self.get(name, (k, k, x.shape[-1], f)).astype(self.compute)
        return lax.conv_general_dilated(
            x.astype(self.compute), kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def batch_norm(self, name: str, x: Any) -> Any:
        """By the batch's own statistics, in float32. (The moving ones that training also keeps are left out: a little
        less work.)"""
        wide = x.astype(jnp.float32)
        mean, square = wide.mean((0, 1, 2)), (wide * wide).mean((0, 1, 2))
        factor = lax.rsqrt(square - mean * mean + 1e-5) * self.get(f"{name}.gamma", (x.shape[-1],), fill=1)
        return ((wide - mean) * factor + self.get(f"{name}.beta", (x.shape[-1],), fill=0)).astype(x.dtype)

    def layer_norm(self, name: str, x: Any) -> Any:
        """Over the last axis, in float32."""
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(-1, keepdims=True)
        y = centred * lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        gamma, beta = (
            self.get(f"{name}.gamma", (x.shape[-1],), fill=1),
            self.get(f"{name}.beta", (x.shape[-1],), fill=0),
        )
        return (y * gamma + beta).astype(self.compute)


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean over all labels."""
    logits = logits.astype(jnp.float32)
    picked = jnp.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return (jax.nn.logsumexp(logits, -1) - picked).mean()


def mlp(m: Maker, x: Any) -> Any:
    """784-512-512-10."""
    x = jax.nn.relu(m.dense("a", x, 512))
    return m.dense("c", jax.nn.relu(m.dense("b", x, 512)), 10)


def tiny(m: Maker, x: Any) -> Any:
    """32-64-64-1."""
    x = jnp.tanh(m.dense("a", x, 64))
    return m.dense("c", jnp.tanh(m.dense("b", x, 64)), 1)


def lstm(m: Maker, ids: Any) -> Any:
    """An embedding, a layer of 256 LSTM units, a classifier at every step."""
    units = 256
    x = m.get("embedding", (96, 64), scale=0.05)[ids]
    inputs = jnp.swapaxes(m.dense("input", x, 4 * units), 0, 1)
    kernel = m.get("recurrent", (units, 4 * units))

    def step(carry: Any, a: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(a + h @ kernel, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((ids.shape[0], units))
    return m.dense("out", jnp.swapaxes(lax.scan(step, (zeros, zeros), inputs)[1], 0, 1), 96)


def resnet20(m: Maker, x: Any) -> Any:
    """Nine blocks of two convolutions, on small images."""
    x = jax.nn.relu(m.batch_norm("n", m.conv("c", x, 16, 3)))
    for stage in range(3):
        f = 16 << stage
        for n in range(3):
            name, stride = f"{stage}{n}", 2 if n == 0 and stage else 1
            y = jax.nn.relu(m.batch_norm(f"n1{name}", m.conv(f"c1{name}", x, f, 3, stride)))
            y = m.batch_norm(f"n2{name}", m.conv(f"c2{name}", y, f, 3))
            if stride != 1:
                x = m.batch_norm(f"n3{name}", m.conv(f"c3{name}", x, f, 1, stride))
            x = jax.nn.relu(x + y)
    return m.dense("out", x.mean((1, 2)), 10)


def resnet(m: Maker, x: Any, s: large.ResNet) -> Any:
    """large.resnet's model."""

    def norm_conv(name: str, x: Any, f: int, k: int, stride: int = 1) -> Any:
        return m.batch_norm(f"n{name}", m.conv(f"c{name}", x, f, k, stride))

    x = jax.nn.relu(norm_conv("in", x, s.width, 7, 2))
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    for stage, count in enumerate(s.blocks):
        f = s.width << stage
        for n in range(count):
            name, stride = f"{stage}.{n}", 2 if n == 0 and stage else 1
            y = jax.nn.relu(norm_conv(f"1{name}", x, f, 1))
            y = norm_conv(f"3{name}", jax.nn.relu(norm_conv(f"2{name}", y, f, 3, stride)), 4 * f, 1)
            if stride != 1 or x.shape[-1] != 4 * f:
                x = norm_conv(f"4{name}", x, 4 * f, 1, stride)
            x = jax.nn.relu(x + y)
    return m.dense("out", x.mean((1, 2)), s.classes)


def attend(q: Any, k: Any, v: Any) -> Any:
    """Causal attention, by cuDNN's kernel on a GPU where it takes these sizes."""
    cudnn = jax.default_backend() == "gpu" and q.shape[-1] % 8 == 0
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="cudnn" if cudnn else None)


def gpt(m: Maker, ids: Any, s: large.Gpt) -> Any:
    """large.gpt's model."""
    table = m.get("words", (s.vocabulary, s.width), scale=0.02)
    x = (table[ids] + m.get("places", (s.length, s.width), scale=0.02)).astype(m.compute)
    for n in range(s.layers):
        qkv = m.dense(f"qkv{n}", m.layer_norm(f"a{n}", x), 3 * s.width)
        q, k, v = jnp.moveaxis(qkv.reshape(*ids.shape, 3, s.heads, s.width // s.heads), 2, 0)
        x = x + m.dense(f"out{n}", attend(q, k, v).reshape(x.shape), s.width)
        h = jax.nn.gelu(m.dense(f"wide{n}", m.layer_norm(f"b{n}", x), 4 * s.width))
        x = x + m.dense(f"narrow{n}", h, s.width)
    return m.layer_norm("last", x) @ table.astype(m.compute).T
