"""What is written in one place and read in another: shared dictionaries, and what is laid down on the cache."""

from __future__ import annotations

from typing import Any

from qeff_codegen.axes.values import CACHE, Method, NothingYet, Shared, Table, Value
from qeff_codegen.axes.ways import joined, put, unnamed


class Store:
    """All that is known so far of what is written there.

    Attributes:
        changes: how often something was learned.
    """

    def __init__(self, stored: frozenset[str]) -> None:
        self.changes = 0
        self._stored = stored
        self._shared: dict[Any, Value] = {}

    def of_cache(self, name: str) -> Value:
        """What an attribute of the cache is: a method, or what was laid down on it.

        Raises:
            NothingYet: the code lays something down under that name, and has not so far.
        """
        found = self._shared.get(("cache", name))
        if found is None and name in self._stored:
            raise NothingYet
        return found or Method(CACHE, name)

    def keep_on_cache(self, name: str, value: Value) -> None:
        """Keeps what is laid down on the cache."""
        self._keep(("cache", name), value)

    def container(self, place: str) -> Shared:
        """A dictionary that is made empty at some place."""
        self._shared.setdefault(Shared(place), Table(()))
        return Shared(place)

    def shared(self, holder: Shared) -> Table:
        """What was written so far into a dictionary."""
        found = self._shared[holder]
        assert isinstance(found, Table), "it is one when it is made"
        return found

    def keep_shared(self, holder: Shared, key: Value, value: Value) -> None:
        """Keeps what is written into a dictionary that others read, beside what was there."""
        self._keep(holder, put(Table(()), key, value))

    def _keep(self, key: Any, value: Value) -> None:
        value = unnamed(value)
        found = joined(self._shared[key], value) if key in self._shared else value
        if self._shared.get(key) != found:
            self._shared[key] = found
            self.changes += 1
