"""Dtype policies, to configs and back."""

from hornbeam._dtype_policy import DTypePolicy, FloatDTypePolicy
from hornbeam.dtype_policies import serialization
from hornbeam.dtype_policies.serialization import *  # noqa: F403

__all__ = ["DTypePolicy", "FloatDTypePolicy"]
__all__ += serialization.__all__
