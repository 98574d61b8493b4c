"""Dtype policies: in which dtype layers compute, in which they keep their weights, and which policy is the default."""

from __future__ import annotations

from typing import Any

from hornbeam._dtypes import NAMES, floatx, standardize_dtype

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}  # what they compute in: weights are float32


class DTypePolicy:
    """In which dtype a layer computes, and in which it keeps its weights.

    Args:
        name: a dtype's name, for both; "mixed_float16" or "mixed_bfloat16" to compute in 16 bits with float32 weights;
            None for the default policy.

    Raises:
        TypeError: for a name that is no string.
        ValueError: for any other name.

    Example:
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"'name' must be a string, such as 'mixed_float16'. Received: name={name!r}")
        self._name = name
        if name in _MIXED:
            self._compute_dtype, self._variable_dtype = _MIXED[name], "float32"
            return
        try:
            self._compute_dtype = self._variable_dtype = standardize_dtype(name)
        except TypeError as e:
            known = ", ".join((*_MIXED, *NAMES))
            raise ValueError(
                f"Cannot convert {name!r} to a dtype policy: there are {known}. Received: dtype={name!r}"
            ) from e

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """What inputs and weights are cast to where the layer computes."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What weights are kept in."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> None:
        """None: weights are never quantized."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The constructor's argument."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """The policy that a config describes."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


class FloatDTypePolicy(DTypePolicy):
    """``DTypePolicy`` by another name."""


_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given no ``dtype``: what ``set_dtype_policy`` said, else that of ``floatx()``.

    Example:
        >>> dtype_policy()
        <DTypePolicy "float32">
    """
    return DTypePolicy(floatx()) if _default is None else _default


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Sets the policy of layers that are given no ``dtype`` from now on.

    Args:
        policy: a policy or its name.

    Raises:
        ValueError: for anything else.

    Example:
        >>> set_dtype_policy("mixed_bfloat16")
        >>> dtype_policy().compute_dtype
        'bfloat16'
        >>> set_dtype_policy("float32")
    """
    global _default
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            f"Invalid `policy` argument: a DTypePolicy or a name such as 'mixed_float16' is needed. Received: policy={policy!r}"
        )
    _default = policy if isinstance(policy, DTypePolicy) else DTypePolicy(policy)


def forget_dtype_policy() -> None:
    """Has the default policy be that of ``floatx()`` again."""
    global _default
    _default = None
