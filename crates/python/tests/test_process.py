"""How a process ends while calls and servers are at work, how it is interrupted, and what it costs the system."""

import platform
import subprocess
import sys

import pytest

SERVER = """
import os, signal, sys, threading, time
from concurrent import futures
import grpc

def slow(request, context):
    time.sleep(float(request))
    return request

handlers = {"Slow": grpc.unary_unary_rpc_method_handler(slow)}
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Slow", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
call = channel.unary_unary("/test.Slow/Slow")
"""


def run(script):
    return subprocess.run(
        [sys.executable, "-c", SERVER + script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30
    )


@pytest.mark.parametrize("attempt", range(3))
def test_exit_with_everything_at_work(attempt):
    ended = run(
        """
assert call(b"0") == b"0"
waiting = call.future(b"0.2")
waiting.add_done_callback(lambda one: None)
channel.subscribe(lambda state: None)
stream = channel.stream_stream("/test.Slow/None")(iter(lambda: time.sleep(0.05) or b"", None))
print("leaving")
"""
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "leaving"), ended.stderr


@pytest.mark.parametrize("wait", ['call(b"5")', "server.wait_for_termination()", 'call.future(b"5").result()'])
def test_keyboard_interrupt(wait):
    ended = run(
        f"""
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
begin = time.monotonic()
try:
    {wait}
except KeyboardInterrupt:
    print("interrupted" if time.monotonic() - begin < 3 else "late")
server.stop(0)
sys.stdout.flush()
os._exit(0)
"""
    )
    assert ended.stdout.strip() == "interrupted", ended.stderr


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is meant")
def test_copies_of_large_messages_find_memory_that_is_there():
    # As many copies as a handler, protobuf and the call path make of a message of 1 MiB, all given back together. Without
    # what the package does at its start, the pages of all come from the system again each time, some 1,500 faults.
    ended = run(
        """
import resource

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        copies = [b"x" * (1024 * 1024) for _ in range(6)]
        del copies
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // times

faults(20)
print(faults(50))
server.stop(0)
"""
    )
    assert int(ended.stdout) < 150, ended.stderr
