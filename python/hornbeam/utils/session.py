"""What a session holds: seeds, names, programs."""

from __future__ import annotations

import gc
import random

import numpy as np

from hornbeam._dtype_policy import forget_dtype_policy
from hornbeam.core.names import clear_names
from hornbeam.core.tensor import forget_programs
from hornbeam.core.validation import integer
from hornbeam.random.draws import set_global_seed

__all__ = ["clear_session", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seeds Python, NumPy and Hornbeam, so that a script gives the same numbers each time.

    Args:
        seed: an int >= 0.
    """
    seed = integer("seed", seed, 0)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    set_global_seed(seed)


def clear_session(free_memory: bool = True) -> None:
    """Restarts automatic names, drops cached programs and what ``set_dtype_policy`` said.

    Args:
        free_memory: whether to have Python collect what is no longer referred to.
    """
    clear_names()
    forget_dtype_policy()
    forget_programs()
    if free_memory:
        gc.collect()
