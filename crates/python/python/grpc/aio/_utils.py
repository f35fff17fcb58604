"""Times, as programs for grpcio compute them."""

import time


def _timeout_to_deadline(timeout):
    """The time of day, in seconds since 1970, at which a timeout in seconds that begins now is over; None for None."""
    return None if timeout is None else time.time() + timeout
