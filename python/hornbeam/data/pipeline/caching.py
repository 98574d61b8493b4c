"""Elements that are kept once they were made, in memory or in a file."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from typing import Any

from hornbeam.data.pipeline.elements import read_only, unstack
from hornbeam.data.pipeline.node import Node, Pass
from hornbeam.data.pipeline.records import decode, encode
from hornbeam.data.pipeline.threads import Elements

__all__ = ["CacheFile", "Cached", "Memory"]

_MAGIC = b"HBCACHE1"


class Memory:
    """Elements by number, in memory."""

    def __init__(self) -> None:
        self._elements: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._elements)

    def get(self, number: int) -> Any:
        """The element, or the store itself where it has none."""
        return self._elements.get(number, self)

    def put(self, number: int, element: Any) -> None:
        """Keeps an element."""
        self._elements[number] = element

    def finish(self) -> None:
        """Says that these are all."""


class CacheFile:
    """Elements by number, in a file, which gets its name when all are there.

    The file: "HBCACHE1", records, the records' places as JSON, the place of that as 8 bytes.

    Args:
        path: of the file. One that is there is read.
    """

    def __init__(self, path: str) -> None:
        self.path, self._lock = path, threading.Lock()
        self._partial = f"{path}.{os.getpid()}-{id(self)}.partial"
        self._places: dict[int, tuple[int, int]] = {}
        self.complete = os.path.exists(path)
        if self.complete:
            self._places = _places_of(path)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, number: int) -> Any:
        """The element, or the store itself where it has none."""
        place = self._places.get(number)
        if place is None:
            return self
        with self._lock:  # the file is not renamed meanwhile
            with open(self.path if self.complete else self._partial, "rb") as f:
                f.seek(place[0])
                record = f.read(place[1])
        return decode(record)

    def put(self, number: int, element: Any) -> None:
        """Keeps an element."""
        record = encode(element)
        with self._lock:
            if number in self._places or self.complete:
                return
            with open(self._partial, "ab") as f:
                at = f.tell()
                if at == 0:
                    at = f.write(_MAGIC)
                f.write(record)
            self._places[number] = (at, len(record))

    def finish(self) -> None:
        """Says that these are all: the file gets its name."""
        with self._lock:
            if self.complete:
                return
            with open(self._partial, "ab") as f:
                if f.tell() == 0:
                    f.write(_MAGIC)
                at = f.tell()
                f.write(json.dumps([self._places[i] for i in range(len(self._places))]).encode())
                f.write(at.to_bytes(8, "little"))
            os.replace(self._partial, self.path)
            self.complete = True

    def __del__(self) -> None:
        if not getattr(self, "complete", True) and os.path.exists(self._partial):
            os.unlink(self._partial)


def _places_of(path: str) -> dict[int, tuple[int, int]]:
    try:
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            magic = f.read(8)
            f.seek(max(0, size - 8))
            at = int.from_bytes(f.read(8), "little")
            if magic != _MAGIC or not 8 <= at <= size - 8:
                raise ValueError("it does not begin or end as one")
            f.seek(at)
            places = [(int(a), int(n)) for a, n in json.loads(f.read(size - 8 - at))]
            if any(a < 8 or n < 0 or a + n > at for a, n in places):
                raise ValueError("a record lies outside")
    except (ValueError, TypeError) as e:
        raise ValueError(f"{path} is no file that `cache` wrote: {e}") from e
    return dict(enumerate(places))


class Cached(Node):
    """The elements of the first pass, kept: each is made once, and passes are alike.

    Args:
        source: whose elements.
        store: where they are kept.
    """

    def __init__(self, source: Node, store: Memory | CacheFile) -> None:
        self._store = store
        full = isinstance(store, CacheFile) and store.complete
        super().__init__(source, indexed=full or source.indexed)
        self.length = len(store) if full else source.length
        self._lock = threading.Lock()

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def _first(self, at: Pass) -> Pass:
        """The pass that is kept, whichever asks first."""
        return Pass((0,), at.resources)

    def item(self, number: int, at: Pass) -> Any:
        found = self._store.get(number)
        if found is self._store:
            found = read_only(self.inputs[0].item(number, self._first(at)))
            self._keep(number, found)
        return found

    def rows(self, numbers: Any, at: Pass) -> Any:
        if any(self._store.get(int(n)) is not self._store for n in numbers):
            return super().rows(numbers, at)
        batch = read_only(self.inputs[0].rows(numbers, self._first(at)))
        for i, n in enumerate(numbers):
            self._keep(int(n), unstack(batch, i))
        return batch

    def _keep(self, number: int, element: Any) -> None:
        self._store.put(number, element)
        if len(self._store) == self.length:
            self._store.finish()

    def stream(self, at: Pass, start: int) -> Elements:
        number = start
        while (found := self._store.get(number)) is not self._store:
            yield found
            number += 1
        have = len(self._store)
        if have and self.length is not None and have == self.length:
            return
        with closing(self.inputs[0].read(self._first(at), min(number, have))) as items:
            for i, x in enumerate(map(read_only, items), min(number, have)):
                with self._lock:
                    if i == len(self._store):
                        self._store.put(i, x)
                if i >= number:
                    yield x
        self.length = len(self._store)
        self._store.finish()
