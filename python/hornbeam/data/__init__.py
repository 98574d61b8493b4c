"""What feeds steps: data sets, arrays, batches of them, and the loops that take one batch after another."""

from hornbeam.data.pipeline.dataset import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset
from hornbeam.data.pipeline.spec import TensorSpec

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "TensorSpec"]
