"""Methods by how their implementation is given messages."""

import enum


@enum.unique
class Service(enum.Enum):
    """Inline: the implementation takes requests and returns responses. Event: it is handed both as they come."""

    INLINE = "inline"
    EVENT = "event"
