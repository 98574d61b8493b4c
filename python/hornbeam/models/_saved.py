"""What a model writes, and how it is made again: configs, how it was compiled, files."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import Any

from hornbeam import losses, metrics, optimizers
from hornbeam.core.custom_objects import CustomObjectScope
from hornbeam.core.registry import constructor_is_ours, deserialize_keras_object, serialize_keras_object
from hornbeam.core.validation import unsupported
from hornbeam.layers.layer import Layer
from hornbeam.models._functional_graph import Graph
from hornbeam.models._stored import stored_programs
from hornbeam.models.functional_config import functional_config, functional_from_config
from hornbeam.saving import model_file
from hornbeam.training.trainer import Trainer

# The arguments of compile() that a config holds, with what names mean in one that says no module.
_COMPILE = {
    "optimizer": vars(optimizers),
    "loss": vars(losses),
    "loss_weights": {},
    "metrics": vars(metrics),
    "weighted_metrics": vars(metrics),
    "run_eagerly": {},
    "steps_per_execution": {},
    "on_nonfinite": {},
}


class Saved(Trainer):
    """The part of ``Model`` that configs and files need."""

    _graph: Graph | None = None  # of a functional model

    # ---- configs ----
    def get_config(self) -> dict[str, Any]:
        """What the model is made of: a graph's layers and calls, or the constructor's arguments (see ``Layer``)."""
        if self._graph is not None and _takes_graphs(type(self)):
            return functional_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A new model, with new weights, from a config."""
        with CustomObjectScope(custom_objects):
            if "input_layers" in config and _takes_graphs(cls):
                return functional_from_config(cls, config)
            return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """The config as JSON, for ``models.model_from_json``.

        Args:
            **kwargs: as for ``json.dumps``.
        """
        return json.dumps(serialize_keras_object(self), **kwargs)

    def _build_for(self, inputs: list[Any]) -> None:
        """Makes the weights: by the class' own ``build``, else by a call."""
        if type(self).build is not Layer.build:
            super()._build_for(inputs)
        else:
            self.compute_output_spec(*inputs)
            self.built = True

    # ---- how it was compiled ----
    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of ``compile`` as a config; {} before."""
        if not self.compiled:
            return {}
        given = {
            **self._compile_args,
            "optimizer": self.optimizer,
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
        }
        return {name: serialize_keras_object(given[name]) for name in _COMPILE}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as ``get_compile_config`` says. A class that overrides ``compile`` overrides both, or is left
        uncompiled with a warning."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{type(self).__name__} has a compile() of its own, so it was not compiled. Override get_compile_config() "
                "and compile_from_config(config) too, or call compile() after loading",
                stacklevel=2,
            )
            return
        unknown = [name for name in config if name not in _COMPILE]
        if unknown:
            raise ValueError(f"a compile config may hold {', '.join(_COMPILE)}. Received: {unknown[:5]}")
        given = {k: deserialize_keras_object(v, module_objects=_COMPILE[k]) for k, v in config.items()}
        self.compile(**given)

    # ---- files ----
    def _stored_programs(self, sample: Any) -> tuple[dict[str, Any], dict[str, str]]:
        return stored_programs(self, sample)

    def save(self, filepath: Any, overwrite: bool = True, zipped: Any = None, sample: Any = None) -> None:
        """Writes the model to one file: config, weights, optimizer state and compiled programs.

        Args:
            filepath: a path ending in ".hornbeam", or in no suffix.
            overwrite: False: raise when the file exists.
            zipped: only None or True, for one file.
            sample: ``(x, y)`` to trace the training step of a model that has not trained yet.

        Raises:
            ValueError: for a path whose suffix is another format's.
            OSError: when the file cannot be written; an old file is left as it was.
        """
        model_file.save_model(self, filepath, overwrite=overwrite, zipped=zipped, sample=sample)

    def export(self, filepath: Any, sample: Any = None) -> None:
        """Writes the programs and weights for native use, without the Python config (see ``save``)."""
        model_file.save_model(self, filepath, config=False, sample=sample)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Writes the weights alone.

        Args:
            filepath: a path ending in ".weights.h5", for a file as Keras' (HDF5), or in ".hornbeam" or no suffix, for one in
                the safetensors layout (see ``save``).
            overwrite: False: raise when the file exists.
            max_shard_size: only None, for one file.

        Raises:
            ValueError: for a path whose suffix is another format's.
            OSError: when the file cannot be written; an old file is left as it was.
        """
        unsupported("max_shard_size", max_shard_size, None)
        model_file.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Reads weights that ``save_weights`` or ``save`` wrote, or Keras' ``save_weights``.

        Args:
            filepath: the file; one that ends in ".weights.h5" is read as Keras'.
            skip_mismatch: whether to leave out weights that do not fit.

        Raises:
            FormatError: when the file is damaged.
            ValueError: when shapes differ (all are listed); then nothing is changed.
        """
        model_file.load_weights(self, filepath, skip_mismatch)


def _takes_graphs(cls: type) -> bool:
    """Whether a model's constructor takes inputs and outputs, as those of this package do."""
    return constructor_is_ours(cls) or list(inspect.signature(cls).parameters)[:2] == ["inputs", "outputs"]
