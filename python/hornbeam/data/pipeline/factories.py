"""Where data sets come from."""

from __future__ import annotations

import glob as _glob
import os
from typing import Any, TypeVar

import numpy as np

from hornbeam import config
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import integer
from hornbeam.data.foreign import columns_of, length_of
from hornbeam.data.pipeline.base import Base, dataset_of, seed_of
from hornbeam.data.pipeline.csv import read_csv
from hornbeam.data.pipeline.elements import as_element, as_sample, as_slices
from hornbeam.data.pipeline.idx import read_idx, read_npy
from hornbeam.data.pipeline.node import Node
from hornbeam.data.pipeline.selecting import Shuffled, Zipped
from hornbeam.data.pipeline.sources import Arrays, Generated, Items, Range, Samples
from hornbeam.data.pipeline.spec import TensorSpec

__all__ = ["Factories"]

Made = TypeVar("Made", bound="Factories")


class Factories(Base):
    """The ways to make a data set."""

    @classmethod
    def from_tensor_slices(cls: type[Made], tensors: Any) -> Made:
        """A data set of the slices of arrays along their first axis.

        Args:
            tensors: an array, or a tuple or dict of arrays of one length, nested or not; lists are arrays. They are not
                copied.

        Raises:
            ValueError: for scalars, and for arrays of different lengths.

        Example:
            >>> from hornbeam.data import Dataset
            >>> [(int(x), int(y)) for x, y in Dataset.from_tensor_slices(([1, 2], [3, 4]))]
            [(1, 3), (2, 4)]
        """
        return cls(Arrays(as_slices(tensors)))

    @classmethod
    def from_tensors(cls: type[Made], tensors: Any) -> Made:
        """A data set of one element.

        Args:
            tensors: the element.
        """
        return cls(Items([as_element(tensors)]))

    @classmethod
    def from_generator(
        cls: type[Made],
        generator: Any,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
    ) -> Made:
        """A data set of what a generator gives.

        Args:
            generator: a function that gives an iterator, called for each pass; or anything to be iterated over anew for each.
            output_types: a structure of dtypes that the elements' parts become.
            output_shapes: a structure of shapes, with ``output_types``.
            args: a tuple of arguments of the function.
            output_signature: a structure of ``TensorSpec``, instead of types and shapes.

        Raises:
            TypeError: for what can be read only once, such as a generator itself.
            ValueError: when both a signature and types are given.
        """
        signature = _signature(output_types, output_shapes, output_signature)
        if callable(generator):
            given = () if args is None else tuple(args)
            return cls(Generated(lambda: generator(*given), signature))
        if args is not None:
            raise ValueError("`args` needs `generator` to be a function")
        if not hasattr(generator, "__iter__") or hasattr(generator, "__next__"):
            raise TypeError(
                "`generator` must be a function that gives an iterator, so that each pass has its own. Received: "
                f"{type(generator).__name__}"
            )
        return cls(Generated(lambda: generator, signature, length_of(generator)))

    @classmethod
    def from_source(cls: type[Made], source: Any) -> Made:
        """A data set of the elements of somebody else's: torch's, tf.data's, Hugging Face's, grain's, or anything like them.

        What has a length and can be indexed is asked for elements by number, so that shuffling and going on in the middle
        cost nothing; anything else is iterated over, anew for each pass. Lists that do not hold mere numbers, as torch's
        loaders give them, become tuples. Tensors in host memory are not copied. Tables of pandas, polars and Arrow give
        their rows, dicts by column.

        Args:
            source: the data set. Where it gives batches, so does this one; ``unbatch`` takes them apart.

        Raises:
            TypeError: for what can be read only once, such as a generator, and for dicts.

        Example:
            >>> from hornbeam.data import Dataset
            >>> [(int(x), int(y)) for x, y in Dataset.from_source([(1, 2), (3, 4)])]
            [(1, 2), (3, 4)]
        """
        columns = columns_of(source)
        if columns is not None:
            return cls(Arrays(as_slices(dict(columns))))
        if isinstance(source, dict):
            raise TypeError("`source` must be one data set. Received: a dict; from_tensor_slices takes those of arrays")
        length = length_of(source)
        if length is not None and hasattr(source, "__getitem__"):
            return cls(Samples(source))
        if not hasattr(source, "__iter__") or hasattr(source, "__next__"):
            raise TypeError(
                "`source` must have a length and indices, or be something to be iterated over anew for each pass. "
                f"Received: {type(source).__name__}"
            )
        return cls(Generated(lambda: map(as_sample, source), None, length))

    @classmethod
    def range(cls: type[Made], *args: int, output_type: Any = "int64") -> Made:
        """The numbers of Python's ``range``.

        Args:
            args: stop; start, stop; or start, stop, step.
            output_type: their dtype.
        """
        if not 1 <= len(args) <= 3:
            raise ValueError(f"range takes stop, or start and stop, or start, stop and step. Received: {args}")
        numbers = range(*(integer("range", i) for i in args))
        return cls(Range(numbers, config.standardize_dtype(output_type)))

    @classmethod
    def list_files(cls: type[Made], file_pattern: Any, shuffle: bool | None = None, seed: int | None = None) -> Made:
        """The paths of files.

        Args:
            file_pattern: a pattern of ``glob``'s, or several.
            shuffle: whether they come in another order in each pass, which None means, too; else they are sorted.
            seed: of the shuffling.

        Raises:
            ValueError: when no file matches.
        """
        node: Node = Arrays(as_element(_files(file_pattern)))
        return cls(node if shuffle is not None and not shuffle else Shuffled(node, None, seed_of(seed), True))

    @classmethod
    def zip(cls: type[Made], *args: Any, datasets: Any = None) -> Made:
        """A data set of elements that are made of those of several, as long as each has one.

        Args:
            args: data sets, or one structure (a tuple or dict) of them.
            datasets: such a structure, by name.

        Example:
            >>> from hornbeam.data import Dataset
            >>> [(int(x), int(y)) for x, y in Dataset.zip(Dataset.range(2), Dataset.range(5, 9))]
            [(0, 5), (1, 6)]
        """
        if bool(args) == (datasets is not None):
            raise TypeError("zip takes data sets, or a structure of them by `datasets`")
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts = flatten(structure)
        return cls(Zipped(map_structure(lambda _: None, structure), [dataset_of("datasets", part) for part in parts]))

    @classmethod
    def from_npy(cls: type[Made], paths: Any) -> Made:
        """A data set of the slices of arrays in ``.npy`` files, which are mapped into memory and read as they are needed.

        Args:
            paths: of one file, or a tuple or dict of them.

        Raises:
            ValueError: for a file that is none, or holds Python objects.
        """
        return cls(Arrays(as_slices(read_npy(paths))))

    @classmethod
    def from_idx(cls: type[Made], paths: Any) -> Made:
        """A data set of the slices of arrays in IDX files, MNIST's format.

        Args:
            paths: of one file, or a tuple or dict of them; one whose name ends in ".gz" is decompressed.

        Raises:
            ValueError: for a file that is none, or has fewer or more bytes than it says.
        """
        return cls(Arrays(as_slices(map_structure(read_idx, paths))))

    @classmethod
    def from_csv(
        cls: type[Made],
        paths: Any,
        columns: Any = None,
        dtypes: Any = None,
        label: str | None = None,
        delimiter: str = ",",
        header: bool = True,
    ) -> Made:
        """A data set of the rows of tables in text files: dicts by column.

        Args:
            paths: a pattern of ``glob``'s, or several; files have the same columns.
            columns: names of those to read, all for None; without a header names of all there are.
            dtypes: by column, or one for all; None for the first of int32, int64, ``floatx`` and "string" that suits
                all of a column's fields. A missing number is NaN.
            label: the column that comes apart from the others: elements are then pairs.
            delimiter: between fields.
            header: whether the first line of each file names the columns.

        Raises:
            ValueError: when no file matches, rows differ in length, there is no such column, or a field is no number of
                the dtype asked for.
        """
        made = read_csv(_files(paths), columns, dtypes, delimiter, header)
        if label is None:
            return cls(Arrays(as_slices(made)))
        if label not in made:
            raise ValueError(f"`label` must be a column. Received: label={label!r}, columns {list(made)}")
        y = made.pop(label)
        return cls(Arrays(as_slices((made, y))))


def _files(patterns: Any) -> list[str]:
    """The sorted paths of all files that a pattern, or one of several, matches."""
    given = [os.fspath(p) for p in flatten(np.asarray(patterns, object).tolist())]
    found = sorted({f for p in given for f in _glob.glob(p)})
    if not found:
        raise ValueError(f"no file matches {', '.join(map(repr, given))}")
    return found


def _signature(types: Any, shapes: Any, signature: Any) -> Any:
    """The structure of ``TensorSpec`` that these ask for, or None."""
    if types is None:
        if shapes is not None:
            raise ValueError("`output_shapes` needs `output_types`")
        return signature
    if signature is not None:
        raise ValueError("`output_signature` is given instead of `output_types` and `output_shapes`")
    if shapes is None:
        return map_structure(lambda t: TensorSpec(None, t), types)
    return _with_shapes(types, shapes)


def _with_shapes(types: Any, shapes: Any) -> Any:
    if isinstance(types, dict):
        return {k: _with_shapes(types[k], shapes[k]) for k in types}
    if isinstance(types, tuple):
        return tuple(_with_shapes(t, s) for t, s in zip(types, shapes, strict=True))
    return TensorSpec(shapes, types)
