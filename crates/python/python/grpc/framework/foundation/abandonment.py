"""The exception of work that nobody waits for any more."""


class Abandoned(Exception):
    """Raised to leave a computation whose result is no longer wanted; no sign of a defect."""
