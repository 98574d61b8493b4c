"""The workloads by hand in PyTorch: what a careful user would write (channels last, fused optimizers, torch's own LSTM and
attention), run eagerly, through ``torch.compile``, or exported to ONNX Runtime for prediction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

R = np.random.default_rng(0)


class Residual(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, c: int, f: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c, f, 3, stride, 1, bias=False), nn.BatchNorm2d(f), nn.ReLU(),
            nn.Conv2d(f, f, 3, 1, 1, bias=False), nn.BatchNorm2d(f),
        )  # fmt: skip
        same = stride == 1 and c == f
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(nn.Conv2d(c, f, 1, stride, bias=False), nn.BatchNorm2d(f))
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class CharModel(nn.Module):
    """Embedding, a recurrent layer, a classifier at every step."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(96, 64), kind(64, 256, batch_first=True), nn.Linear(256, 96)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(self.embed(x))[0]).flatten(0, 1)


class Block(nn.Module):
    """A Transformer block: post-norm as Vaswani et al., or pre-norm and causal as GPT."""

    def __init__(self, d: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm1, self.norm2 = nn.LayerNorm(d, 1e-6), nn.LayerNorm(d, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def attend(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(b, t, d))

    def forward(self, x: Tensor) -> Tensor:
        if self.causal:
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attend(x))
        return self.norm2(x + self.mlp(x))


class Classifier(nn.Module):
    """Embedding, blocks, the mean over positions, a classifier."""

    def __init__(self, vocabulary: int, d: int, blocks: list[Any], classes: int) -> None:
        super().__init__()
        self.embed, self.blocks, self.out = nn.Embedding(vocabulary, d), nn.Sequential(*blocks), nn.Linear(d, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.blocks(self.embed(x)).mean(1))


class GPT(nn.Module):
    """Token and position embeddings, causal blocks, a classifier at every position."""

    def __init__(self, vocabulary: int, t: int, d: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(vocabulary, d), nn.Embedding(t, d)
        self.blocks = nn.Sequential(*[Block(d, heads, True) for _ in range(layers)])
        self.norm, self.out = nn.LayerNorm(d, 1e-6), nn.Linear(d, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.places(torch.arange(x.shape[1]))
        return self.out(self.norm(self.blocks(h))).flatten(0, 1)


class UNet(nn.Module):
    """Three levels of double convolutions, upsampling and skips."""

    def __init__(self) -> None:
        super().__init__()

        def double(c: int, f: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(c, f, 3, 1, 1), nn.ReLU(), nn.Conv2d(f, f, 3, 1, 1), nn.ReLU())

        self.d1, self.d2, self.mid = double(3, 16), double(16, 32), double(32, 64)
        self.u2, self.u1, self.out = double(96, 32), double(48, 16), nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = F.interpolate(self.mid(F.max_pool2d(b, 2)), scale_factor=2)
        m = F.interpolate(self.u2(torch.cat([m, b], 1)), scale_factor=2)
        return self.out(self.u1(torch.cat([m, a], 1)))


class VAE(nn.Module):
    """A variational autoencoder of vectors; the loss is its output's."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.heads = nn.Sequential(nn.Linear(784, 256), nn.ReLU()), nn.Linear(256, 32)
        self.dec = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, x: Tensor) -> Any:
        mean, log = self.heads(self.enc(x)).chunk(2, -1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log)
        if not self.training:
            return torch.sigmoid(self.dec(z))
        return self.dec(z), -0.5 * (1 + log - mean.square() - log.exp()).sum(-1).mean()


def _ids(high: int, *shape: int) -> Tensor:
    return torch.from_numpy(R.integers(0, high, shape))


def _images(n: int, c: int, size: int) -> Tensor:
    return torch.from_numpy(R.random((n, c, size, size), "float32")).contiguous(memory_format=torch.channels_last)


def _last(model: nn.Module) -> nn.Module:
    return model.to(memory_format=torch.channels_last)


def _norm_conv(c: int, f: int, k: int, stride: int = 1, pad: int = 0, groups: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(c, f, k, stride, pad, groups=groups, bias=False), nn.BatchNorm2d(f), nn.ReLU()]


def _head(c: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]


def build(name: str) -> tuple[Any, Tensor, Tensor, int, Any, Any]:
    """Model, x, y, batch size, loss and optimizer of a workload."""
    ce: Any = F.cross_entropy

    def adam(p: Any) -> Any:
        return torch.optim.Adam(p, 1e-3, fused=True)

    def sgd(p: Any) -> Any:
        return torch.optim.SGD(p, 0.1, momentum=0.9, fused=True)

    if name == "tiny":
        m: Any = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        x, y = torch.rand(6400, 32), torch.rand(6400, 1)
        return m, x, y, 32, F.mse_loss, lambda p: torch.optim.SGD(p, 0.01)
    if name == "mlp":
        m = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        return m, torch.rand(5120, 784), _ids(10, 5120), 128, ce, adam
    if name == "cnn":
        m = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        )  # fmt: skip
        return _last(m), _images(1024, 1, 28), _ids(10, 1024), 128, ce, adam
    if name in ("lstm", "gru", "rnn"):
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[name]
        ids = _ids(96, 192, 65)
        x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
        return CharModel(kind), x, y, 32, lambda o, t: ce(o, t.flatten()), adam
    if name == "transformer":
        m = Classifier(1000, 128, [Block(128, 4, False) for _ in range(2)], 10)
        return m, _ids(1000, 128, 128), _ids(10, 128), 16, ce, adam
    if name == "gpt":
        ids = _ids(1000, 16, 257)
        x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
        return GPT(1000, 256, 384, 6, 6), x, y, 4, lambda o, t: ce(o, t.flatten()), adam
    if name == "text":
        return Classifier(20000, 64, [], 2), _ids(20000, 1024, 128), _ids(2, 1024), 32, ce, adam
    if name == "vae":
        x = torch.rand(5120, 784)

        def loss(out: Any, target: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits(out[0], target) + out[1] / 784

        return VAE(), x, x, 128, loss, adam
    if name == "conv1d":
        m = nn.Sequential(
            nn.Conv1d(8, 32, 7, 2, 3), nn.ReLU(), nn.Conv1d(32, 64, 5, 2, 2), nn.ReLU(), nn.Conv1d(64, 64, 3, 1, 1),
            nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip
        return m, torch.rand(128, 8, 1024), _ids(10, 128), 32, ce, adam
    if name == "unet":
        x, y = _images(32, 3, 64), (_images(32, 1, 64) > 0.5).float()
        return _last(UNet()), x, y, 8, F.binary_cross_entropy_with_logits, adam
    if name == "autoencoder":
        m = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(),
            nn.Conv2d(32, 1, 3, 1, 1),
        )  # fmt: skip
        x = _images(256, 1, 28)
        return _last(m), x, x, 32, F.binary_cross_entropy_with_logits, adam
    if name == "mobilenet":
        parts, c = _norm_conv(3, 32, 3, 1, 1), 32
        for f, s in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
            parts += _norm_conv(c, c, 3, s, 1, c) + _norm_conv(c, f, 1)
            c = f
        return _last(nn.Sequential(*parts, *_head(256, 10))), _images(128, 3, 32), _ids(10, 128), 32, ce, adam
    if name == "resnet20":
        parts, c = _norm_conv(3, 16, 3, 1, 1), 16
        for f, s in ((16, 1), (32, 2), (64, 2)):
            parts += [Residual(c, f, s), Residual(f, f), Residual(f, f)]
            c = f
        return _last(nn.Sequential(*parts, *_head(64, 10))), _images(256, 3, 32), _ids(10, 256), 64, ce, sgd
    if name == "resnet18":
        parts, c = [*_norm_conv(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, 1)], 64
        for f, s in ((64, 1), (128, 2), (256, 2), (512, 2)):
            parts += [Residual(c, f, s), Residual(f, f)]
            c = f
        return _last(nn.Sequential(*parts, *_head(512, 100))), _images(48, 3, 64), _ids(100, 48), 16, ce, sgd
    raise ValueError(f"no hand-written {name!r}")


def make(kind: str, workload: str, threads: int, infer: bool) -> tuple[Callable[[], Any], int]:
    """A function that runs one pass over the data, and its number of steps.

    Args:
        kind: "torch" for eager, "torch-compile", or "onnxruntime" (prediction only).
        workload: its name; ``name@1`` has batches of one.
        threads: threads to use.
        infer: whether to predict rather than train.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    name, _, size = workload.partition("@")
    model, x, y, batch, loss_fn, make_optimizer = build(name)
    if size:
        batch = int(size)
        x, y = x[: 32 * batch], y[: 32 * batch]
    steps = math.ceil(len(x) / batch)
    if kind == "onnxruntime":
        return _onnx(model.eval(), x, batch, threads), steps
    net = torch.compile(model) if kind == "torch-compile" else model
    optimizer = make_optimizer(model.parameters())

    def train() -> None:
        model.train()
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            ids = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            loss_fn(net(x[ids]), y[ids]).backward()
            optimizer.step()

    def predict() -> Tensor:  # of all samples in one array, as Keras' predict does
        model.eval()
        at = 0
        with torch.inference_mode():
            for i in range(0, len(x), batch):
                part = net(x[i : i + batch])
                if i == 0:  # a sample may have several rows of results
                    out = torch.empty((len(part) * len(x) // min(batch, len(x)), *part.shape[1:]))
                out[at : at + len(part)] = part
                at += len(part)
        return out

    return (predict if infer else train), steps


def _onnx(model: Any, x: Tensor, batch: int, threads: int) -> Callable[[], Any]:
    import io

    import onnxruntime as ort

    buffer = io.BytesIO()
    torch.onnx.export(model, (x[:batch],), buffer, input_names=["x"], dynamo=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    arrays = [x[i : i + batch].contiguous().numpy() for i in range(0, len(x), batch)]

    def predict() -> Any:
        at = 0
        for a in arrays:
            (part,) = session.run(None, {"x": a})
            if at == 0:
                out = np.empty((len(part) * len(x) // len(a), *part.shape[1:]), part.dtype)
            out[at : at + len(part)] = part
            at += len(part)
        return out

    return predict
