"""One pair of received metadata."""

import collections

_Metadatum = collections.namedtuple("_Metadatum", ("key", "value"))
