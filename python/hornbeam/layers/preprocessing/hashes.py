"""Hashes of ints as their decimal digits, and of combinations of them, computed by ops.

A 64-bit word is an int64 here: sums and products wrap, what differs is how it is divided and shifted. All of it works on
tensors of any shape, eagerly and in a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops

__all__ = ["bucket", "cat_fingerprints", "fingerprint", "sip_hash"]

_LEAST = -(2**63)
_LENGTH = 24  # characters, in words of 8: the longest int has 20


def _word(n: int) -> int:
    """An unsigned 64-bit number as the int64 of the same bits."""
    return (n + 2**63) % 2**64 - 2**63


_K0, _K1, _K2 = (_word(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_CAT = _word(0xC6A4A7935BD1E995)
_CAT_SEED = 0xDECAFCAFFE
_SIP = tuple(_word(k) for k in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573))


def _down(x: Any, bits: int) -> Any:
    """A word shifted to the right, zeros coming in; by 2 bits at least."""
    return ops.mod(ops.floor_divide(x, 2**bits), 2 ** (64 - bits))


def _left(x: Any, bits: int) -> Any:
    """A word rotated to the left."""
    return x * 2**bits + _down(x, 64 - bits)


def _right(x: Any, bits: int) -> Any:
    return _left(x, 64 - bits)


def _mixed(x: Any) -> Any:
    return x ^ _down(x, 47)


def bucket(x: Any, buckets: int) -> Any:
    """The remainder of a word, taken as unsigned, by ``buckets`` (at most 2**62)."""
    half = ops.floor_divide(x, 2)
    half = ops.where(half < 0, half + _LEAST, half)  # without the sign
    return ops.mod(ops.mod(half, buckets) * 2 + ops.mod(x, 2), buckets)


class _Decimal:
    """The decimal digits of ints, as ``str`` writes them, character by character.

    ``length``: how many there are. ``words``: three words of the characters from the first on, zeros behind the last.
    ``ends``: likewise the last 8 characters, the 8 before, ..; zeros before the first. ``first``, ``last``: the first and the
    last 4 characters; ``one``, ``middle``, ``final``: single ones.
    """

    def __init__(self, x: Any) -> None:
        x = ops.cast(x, "int64")
        negative = x < 0
        size = ops.where(negative, -1 - x, x)  # less by one where negative: the least int has no positive counterpart
        last = ops.mod(size, 10) + ops.cast(negative, "int64")
        carry = last == 10
        rest = ops.expand_dims(ops.floor_divide(size, 10) + ops.cast(carry, "int64"), -1)
        powers = [10**k for k in range(18)]
        later = ops.mod(ops.floor_divide(rest, powers), 10)
        digits = ops.concatenate([ops.expand_dims(ops.where(carry, 0, last), -1), later], -1)
        digits = ops.pad(digits, [[0, 0]] * x.ndim + [[0, _LENGTH - 19]])
        count = 1 + ops.sum(ops.cast(ops.greater_equal(rest, powers), "int64"), -1)
        self.length = count + ops.cast(negative, "int64")
        place = ops.arange(_LENGTH, dtype="int64")
        n, length = ops.expand_dims(count, -1), ops.expand_dims(self.length, -1)
        sign = ops.logical_and(place == n, place < length)
        behind = ops.where(place < n, digits + ord("0"), ops.where(sign, ord("-"), 0))  # from the last one on
        ahead = ops.take_along_axis(behind, ops.maximum(length - 1 - place, 0), -1)
        ahead = ops.where(place < length, ahead, 0)
        up, down = [2 ** (8 * i) for i in range(8)], [2 ** (8 * i) for i in range(7, -1, -1)]
        self.words = [ops.sum(ahead[..., i : i + 8] * up, -1) for i in range(0, _LENGTH, 8)]
        self.ends = [ops.sum(behind[..., i : i + 8] * down, -1) for i in range(0, _LENGTH, 8)]
        self.first, self.last = ops.sum(ahead[..., :4] * up[:4], -1), ops.sum(behind[..., :4] * down[4:], -1)
        self.one, self.final = ahead[..., 0], behind[..., 0]
        self.middle = ops.where(self.length == 1, self.one, ahead[..., 1])  # of at most three


def fingerprint(x: Any) -> Any:
    """FarmHash's Fingerprint64 of ints as decimal digits (Pike, github.com/google/farmhash: ``farmhashna``)."""
    text = _Decimal(x)
    n = text.length
    factor = n * 2 + _K2
    head, tail, before = text.words[0], text.ends[0], text.ends[1]
    some = text.one + text.middle * 2**8, n + text.final * 2**2
    short = _mixed((some[0] * _K2) ^ (some[1] * _K0)) * _K2  # up to 3 characters
    a = head + _K2
    medium = (_right(tail, 37) * factor + a, (_right(a, 25) + tail) * factor)  # 8 to 16
    a, b, c, d = head * _K1, text.words[1], tail * factor, before * _K2
    long = (_right(a + b, 43) + _right(c, 30) + d, a + _right(b + _K2, 18) + c)  # 17 and more
    four = (n + text.first * 2**3, text.last)  # 4 to 7
    u, v = (ops.where(n < 8, x4, ops.where(n <= 16, x8, x17)) for x4, x8, x17 in zip(four, medium, long))
    return ops.where(n < 4, short, _joined(u, v, factor))


def _joined(u: Any, v: Any, factor: Any) -> Any:
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


def sip_hash(x: Any, key: Sequence[int]) -> Any:
    """SipHash-2-4 of ints as decimal digits, keyed (Aumasson and Bernstein 2012)."""
    text = _Decimal(x)
    keys = [_word(k) for k in key]
    state = [ops.zeros_like(text.length) + (start ^ keys[i % 2]) for i, start in enumerate(_SIP)]
    last = ops.floor_divide(text.length, 8)  # the word that the length ends
    for i, word in enumerate(text.words):
        word = ops.where(last == i, word + text.length * 2**56, word)
        new = [*state[:3], state[3] ^ word]
        new = _sip_round(*_sip_round(*new))
        new[0] = new[0] ^ word
        state = [ops.where(last >= i, a, b) for a, b in zip(new, state)]
    state[2] = state[2] ^ 0xFF
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    a, c = a + b, c + d
    b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
    a, c = _left(a, 32) + d, c + b
    b, d = _left(b, 17) ^ c, _left(d, 21) ^ a
    return [a, b, _left(c, 32), d]


def cat_fingerprints(parts: list[Any]) -> Any:
    """The fingerprint of a combination of words, as TensorFlow's ``FingerprintCat64`` chains them."""
    result = ops.zeros_like(parts[0]) + _CAT_SEED
    for part in parts:
        result = (result ^ _CAT ^ (_mixed(part * _CAT) * _CAT)) * _CAT
        result = _mixed(_mixed(result) * _CAT)
    return result
