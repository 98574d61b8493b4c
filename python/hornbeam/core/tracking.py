"""What an object holds in its attributes, found as it is assigned: alone, or in lists, dicts, sets and tuples, nested and
changed later.

A ``Tracker`` keeps lists ("stores") of what its owner holds, each of one kind, in the order of assignment. What an attribute
or a collection gives up leaves its store, unless another attribute holds it; what takes its place takes its position.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, SupportsIndex

from hornbeam.core.changes import changed
from hornbeam.core.trace import Traced

_PLAIN = (bool, int, float, str)
Store = tuple[Callable[[Any], bool], list[Any]]


class Tracker:
    """The stores of one object.

    Args:
        owner: whose attributes are looked through for what else holds an item.
        untracked: names of attributes that are not.
        *stores: which items belong, and the list that keeps them; an item goes to the first that takes it.
    """

    def __init__(self, owner: Any, untracked: Container[str], *stores: Store) -> None:
        self._owner, self._untracked, self._stores = owner, untracked, stores

    def set(self, key: str, value: Any) -> None:
        """Sets an attribute of the owner's."""
        if key in self._untracked:
            object.__setattr__(self._owner, key, value)
            return
        old, value = vars(self._owner).get(key), self.track(value)
        object.__setattr__(self._owner, key, value)
        if old is not None and old is not value:
            self.untrack(old, value)

    def delete(self, key: str) -> None:
        """Deletes an attribute of the owner's."""
        old = vars(self._owner).get(key)
        object.__delattr__(self._owner, key)
        self.untrack(old)

    def _attributes(self) -> list[Any]:
        return [v for k, v in vars(self._owner).items() if k not in self._untracked]

    def _store(self, item: Any) -> list[Any] | None:
        return next((store for belongs, store in self._stores if belongs(item)), None)

    def track(self, value: Any) -> Any:
        """Takes in what ``value`` holds; returns it with its lists, dicts and sets replaced by ones that are watched."""
        if value is None or isinstance(value, _PLAIN):
            return value
        store = self._store(value)
        if store is not None:
            if not any(x is value for _, kept in self._stores for x in kept):
                store.append(value)
                changed()
            return value
        if isinstance(value, tuple):
            items = [self.track(v) for v in value]
            if all(new is old for new, old in zip(items, value)):
                return value
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        watched = _WATCHED.get(type(value))
        if watched is not None:
            return watched._of(value, self)
        for v in _items(value):
            self.track(v)
        return value

    def untrack(self, value: Any, successor: Any = None) -> None:
        """Gives up what ``value`` holds and no attribute does; ``successor`` takes its position if it is of its kind."""
        gone = [x for x in _leaves(value) if not isinstance(x, _PLAIN) and self._store(x) is not None]
        if not gone:
            return
        held = {id(x) for v in self._attributes() for x in _leaves(v)}
        for item in gone:
            store = next((kept for _, kept in self._stores if any(x is item for x in kept)), None)
            if store is None or id(item) in held:
                continue
            at = _position(store, item)
            del store[at]
            changed()
            if store and store[-1] is successor:
                store.insert(at, store.pop())

    def adopt(self) -> None:
        """Watches the collections in the owner's attributes, which a copy has without a tracker."""
        for value in self._attributes():
            for collection in _collections(value):
                collection._tracker = self


def lasting(owner: Any, *without: str) -> dict[str, Any]:
    """The attributes to copy or pickle: without these, and without those that hold values of a trace, which ends with it."""
    return {
        k: v for k, v in vars(owner).items() if k not in without and not any(isinstance(x, Traced) for x in _leaves(v))
    }


class _Watched:
    """A collection that tells a tracker what it takes in and gives up. Copies and pickles leave the tracker behind."""

    _tracker: Tracker | None = None

    @classmethod
    def _of(cls, values: Any, tracker: Tracker) -> Any:
        """These values in a collection that is watched."""
        made: Any = cls()
        made._tracker = tracker
        (made.extend if isinstance(made, list) else made.update)(values)
        return made

    def _in(self, value: Any) -> Any:
        return value if self._tracker is None else self._tracker.track(value)

    def _out(self, value: Any, successor: Any = None) -> None:
        if self._tracker is not None and value is not successor:
            self._tracker.untrack(value, successor)


class TrackedList(_Watched, list[Any]):
    """A list that is watched."""

    def append(self, value: Any) -> None:
        super().append(self._in(value))

    def insert(self, index: SupportsIndex, value: Any) -> None:
        super().insert(index, self._in(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([self._in(v) for v in values])

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:  # type: ignore[override, misc]
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        old = self[index]
        value = [self._in(v) for v in value] if isinstance(index, slice) else self._in(value)
        super().__setitem__(index, value)
        self._out(old, value)

    def __delitem__(self, index: Any) -> None:
        old = self[index]
        super().__delitem__(index)
        self._out(old)

    def remove(self, value: Any) -> None:
        at = _position(self, value)
        del self[self.index(value) if at < 0 else at]

    def pop(self, index: SupportsIndex = -1) -> Any:
        value = self[index]
        del self[index]
        return value

    def clear(self) -> None:
        del self[:]

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return type(self), (), None, iter(self)


class _WatchedDict(_Watched):
    """What watched dicts do otherwise than dicts."""

    def __setitem__(self: Any, key: Any, value: Any) -> None:
        old, value = self.get(key), self._in(value)
        super().__setitem__(key, value)  # type: ignore[misc]
        self._out(old, value)

    def __delitem__(self: Any, key: Any) -> None:
        old = self[key]
        super().__delitem__(key)  # type: ignore[misc]
        self._out(old)

    def update(self: Any, *others: Any, **values: Any) -> None:
        for key, value in dict(*others, **values).items():
            self[key] = value

    def __ior__(self: Any, other: Any) -> Any:
        self.update(other)
        return self

    def setdefault(self: Any, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self: Any, key: Any, *default: Any) -> Any:
        if key not in self and default:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def popitem(self: Any, last: bool = True) -> tuple[Any, Any]:
        if not self:
            raise KeyError("the dict is empty")
        key = next(reversed(self) if last else iter(self))
        return key, self.pop(key)

    def clear(self: Any) -> None:
        for key in list(self):
            del self[key]

    def __reduce_ex__(self: Any, protocol: SupportsIndex) -> Any:
        return type(self), (), None, None, iter(self.items())


class TrackedDict(_WatchedDict, dict[Any, Any]):
    """A dict that is watched."""


class TrackedOrderedDict(_WatchedDict, OrderedDict[Any, Any]):
    """An ordered dict that is watched."""


class TrackedSet(_Watched, set[Any]):
    """A set that is watched."""

    def add(self, value: Any) -> None:
        super().add(self._in(value))

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for value in other:
                self.add(value)

    def remove(self, value: Any) -> None:
        super().remove(value)
        self._out(value)

    def discard(self, value: Any) -> None:
        if value in self:
            self.remove(value)

    def pop(self) -> Any:
        value = super().pop()
        self._out(value)
        return value

    def clear(self) -> None:
        for value in list(self):
            self.remove(value)

    def _keep(self, wanted: Any) -> TrackedSet:
        for value in [v for v in self if v not in wanted]:
            self.remove(value)
        self.update(wanted)
        return self

    def __ior__(self, other: Any) -> TrackedSet:  # type: ignore[override, misc]
        return self._keep(self | other)

    def __iand__(self, other: Any) -> TrackedSet:  # type: ignore[override, misc]
        return self._keep(self & other)

    def __isub__(self, other: Any) -> TrackedSet:  # type: ignore[override, misc]
        return self._keep(self - other)

    def __ixor__(self, other: Any) -> TrackedSet:  # type: ignore[override, misc]
        return self._keep(self ^ other)

    def difference_update(self, *others: Iterable[Any]) -> None:
        self._keep(self.difference(*others))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        self._keep(self.intersection(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        self._keep(self.symmetric_difference(other))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return type(self), (list(self),)


_WATCHED: dict[type, Any] = {
    list: TrackedList,
    dict: TrackedDict,
    OrderedDict: TrackedOrderedDict,
    set: TrackedSet,
    TrackedList: TrackedList,
    TrackedDict: TrackedDict,
    TrackedOrderedDict: TrackedOrderedDict,
    TrackedSet: TrackedSet,
}


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        for item in _items(value):
            yield from _leaves(item)
    else:
        yield value


def _collections(value: Any) -> Iterator[Any]:
    if isinstance(value, _Watched):
        yield value
    for item in _items(value):
        yield from _collections(item)


def _position(items: list[Any], item: Any) -> int:
    """Where this very object is, -1 when it is not there."""
    return next((i for i, x in enumerate(items) if x is item), -1)
