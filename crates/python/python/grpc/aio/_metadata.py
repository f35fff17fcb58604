"""Metadata as an ordered mapping of keys to one or more values."""

import collections.abc

from typing import Union

MetadataKey = str
MetadataValue = Union[str, bytes]


class Metadata(collections.abc.Collection):
    """Metadata of a call. A key may have several values: `metadata[key]` is the first of them.

    Made of (key, value) pairs: `Metadata(("key", "value"), ("other-bin", b"..."))`.
    """

    def __init__(self, *args):
        self._metadata = collections.OrderedDict()
        for key, value in args:
            self.add(key, value)

    @classmethod
    def from_tuple(cls, raw_metadata):
        """Makes Metadata from any iterable of pairs; None makes it empty."""
        if raw_metadata:
            return cls(*raw_metadata)
        return cls()

    @classmethod
    def _create(cls, raw_metadata):
        return raw_metadata if isinstance(raw_metadata, cls) else cls.from_tuple(raw_metadata)

    def add(self, key, value):
        """Adds a value to those of the key."""
        self._metadata.setdefault(key, []).append(value)

    def __len__(self):
        return sum(map(len, self._metadata.values()))

    def __getitem__(self, key):
        try:
            return self._metadata[key][0]
        except (ValueError, IndexError) as error:
            raise KeyError(f"{key!r}") from error

    def __setitem__(self, key, value):
        if key not in self:
            self._metadata[key] = [value]
        else:
            self._metadata[key][0] = value

    def __delitem__(self, key):
        values = self._metadata[key]
        if len(values) > 1:
            values.pop(0)
        else:
            del self._metadata[key]

    def delete_all(self, key):
        """Removes all values of the key."""
        del self._metadata[key]

    def __iter__(self):
        for key, values in self._metadata.items():
            for value in values:
                yield (key, value)

    def keys(self):
        """The keys, each once."""
        return collections.abc.KeysView(self._metadata)

    def values(self):
        """The lists of values, by key."""
        return collections.abc.ValuesView(self._metadata)

    def items(self):
        """The keys with their lists of values."""
        return collections.abc.ItemsView(self._metadata)

    def get(self, key, default=None):
        """The first value of the key, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def get_all(self, key):
        """All values of the key; none is an empty list."""
        return self._metadata.get(key, [])

    def set_all(self, key, values):
        """Replaces the values of the key."""
        self._metadata[key] = values

    def __contains__(self, key):
        return key in self._metadata

    def __eq__(self, other):
        if isinstance(other, self.__class__):
            return self._metadata == other._metadata
        if isinstance(other, tuple):
            return tuple(self) == other
        return NotImplemented

    def __add__(self, other):
        if isinstance(other, (self.__class__, tuple)):
            return Metadata(*(tuple(self) + tuple(other)))
        return NotImplemented

    def __repr__(self):
        return f"{self.__class__.__name__}({tuple(self)!r})"
