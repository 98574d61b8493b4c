"""The steps by hand in PyTorch, from batches on the device: eagerly, with ``torch.compile`` over model and loss, or
with the whole step captured as a CUDA graph. The small models are those of bench/torch_peer.py; the large ones are
large.py's."""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import large
import torch
from loops import LARGE, SMALL, TOY_BATCH, TOY_BATCHES, TOY_LENGTH, Loop
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WARM_STEPS = 3  # before a capture


class Bottleneck(nn.Module):
    """Three convolutions around a shortcut."""

    def __init__(self, c: int, f: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *norm_conv(c, f, 1), nn.ReLU(), *norm_conv(f, f, 3, stride), nn.ReLU(), *norm_conv(f, 4 * f, 1)
        )
        same = stride == 1 and c == 4 * f
        self.shortcut = nn.Identity() if same else nn.Sequential(*norm_conv(c, 4 * f, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def norm_conv(c: int, f: int, k: int, stride: int = 1) -> list[nn.Module]:
    """A convolution and its normalization."""
    return [nn.Conv2d(c, f, k, stride, k // 2, bias=False), nn.BatchNorm2d(f)]


def resnet(s: large.ResNet) -> nn.Module:
    """large.resnet's model."""
    parts: list[nn.Module] = [*norm_conv(3, s.width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    c = s.width
    for stage, count in enumerate(s.blocks):
        for n in range(count):
            parts.append(Bottleneck(c, s.width << stage, 2 if n == 0 and stage else 1))
            c = 4 * s.width << stage
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, s.classes))


class Block(nn.Module):
    """Causal attention and two dense layers, each after a norm."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    """large.gpt's model."""

    def __init__(self, s: large.Gpt) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(s.vocabulary, s.width), nn.Embedding(s.length, s.width)
        self.blocks = nn.Sequential(*[Block(s.width, s.heads) for _ in range(s.layers)])
        self.norm = nn.LayerNorm(s.width)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        h = self.words(ids) + self.places.weight
        return F.linear(self.norm(self.blocks(h)), self.words.weight).flatten(0, 1)


def build(workload: str, toy: bool) -> tuple[nn.Module, Tensor, Tensor, int, Any, Any]:
    """Model, x, y, batch, loss, and what makes its optimizer."""
    if workload == "resnet50":
        s = large.TOY_RESNET if toy else large.ResNet()
        x, y = map(torch.from_numpy, large.images(s))
        x = x.permute(0, 3, 1, 2)  # and still channels last in memory
        sgd = lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, fused=True)  # noqa: E731
        return resnet(s).to(memory_format=torch.channels_last), x, y.long(), s.batch, F.cross_entropy, sgd
    if workload == "gpt2":
        g = large.TOY_GPT if toy else large.Gpt()
        x, y = map(torch.from_numpy, large.tokens(g))
        adam = lambda p: torch.optim.AdamW(p, 6e-4, (0.9, 0.95), weight_decay=0.1, fused=True)  # noqa: E731
        return Gpt(g), x, y.long(), g.batch, lambda o, t: F.cross_entropy(o, t.flatten()), adam
    import torch_peer

    model, x, y, batch, loss, make_optimizer = torch_peer.build(workload)
    if toy:
        batch = TOY_BATCH
        x, y = x[: batch * TOY_BATCHES], y[: batch * TOY_BATCHES]
        if workload == "lstm":
            x, y = x[:, :TOY_LENGTH].contiguous(), y[:, :TOY_LENGTH].contiguous()
    return model, x, y, batch, loss, make_optimizer


def make(kind: str, workload: str, toy: bool) -> Loop:
    """The loop of a workload: ``kind`` is "torch", "torch-compile" or "torch-graph"."""
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 means float32
    torch.backends.cudnn.benchmark = True
    model, x, y, batch, loss, make_optimizer = build(workload, toy)
    model.to(DEVICE).train()
    x, y = x.to(DEVICE), y.to(DEVICE)
    batches = [(x[i : i + batch], y[i : i + batch]) for i in range(0, len(x), batch)]
    optimizer = make_optimizer(model.parameters())
    mixed = workload in LARGE

    def loss_of(a: Tensor, b: Tensor) -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16) if mixed else contextlib.nullcontext():
            return loss(model(a), b)

    if kind == "torch-compile":
        loss_of = torch.compile(loss_of, mode="reduce-overhead" if workload in SMALL and DEVICE == "cuda" else None)

    def step(a: Tensor, b: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_of(a, b).backward()
        optimizer.step()

    if kind == "torch-graph":
        step = captured(step, optimizer, *batches[0])

    def run(steps: int) -> int:
        for i in range(steps):
            step(*batches[i % len(batches)])
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        return steps

    return Loop(run, "mixed_bfloat16" if mixed else "float32")


def captured(step: Callable[..., None], optimizer: Any, a: Tensor, b: Tensor) -> Callable[..., None]:
    """The step as one CUDA graph, whose batch is copied to where it reads."""
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
    a, b = a.clone(), b.clone()
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(WARM_STEPS):
            step(a, b)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(a, b)

    def replay(new_a: Tensor, new_b: Tensor) -> None:
        a.copy_(new_a)
        b.copy_(new_b)
        graph.replay()

    return replay
