"""The completion queue of each event loop: one descriptor that the loop watches, whatever the number of calls."""

import asyncio

from carom import _carom

# By loop: a closed loop's entry goes when the next loop's comes.
_QUEUES = {}


def completion_queue(loop):
    """The queue of `loop`, made and watched at the first call. To be called in the loop's thread."""
    queue = _QUEUES.get(loop)
    if queue is None:
        for old in [known for known in list(_QUEUES) if known.is_closed()]:
            closed = _QUEUES.pop(old, None)
            if closed is not None:
                closed.close()
        queue = _carom.LoopQueue(loop.create_future)
        loop.add_reader(queue.fileno(), queue.drain)
        _QUEUES[loop] = queue
    return queue


def running_loop():
    """The loop that runs in this thread, or the one that will."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.get_event_loop_policy().get_event_loop()
