"""How a process ends while calls and servers are at work, how it is interrupted, and what it costs the system."""

import os
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


FORKED = """
import os, signal
import grpc
from conftest import ECHO, path, serving

def in_child(job):
    pid = os.fork()
    if pid == 0:
        # The system ends a child that hangs, whatever it is doing.
        signal.alarm(20)
        try:
            job()
            os._exit(0)
        except BaseException as error:
            print("in the child:", repr(error), flush=True)
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (job.__name__, status)

# The server is in a process of its own.
read, write = os.pipe()
server = os.fork()
if server == 0:
    with serving(ECHO) as (_, address):
        os.write(write, address.encode() + b"\\n")
        signal.pause()
address = os.read(read, 100).decode().strip()

channel = grpc.insecure_channel(address)
echo = channel.unary_unary(path("Echo"))
if WARM:
    assert echo(b"warm", timeout=20) == b"warm"
mirror = channel.stream_stream(path("Mirror"))
from queue import Queue
requests = Queue()
under_way = mirror(iter(requests.get, None)) if WARM else None

def unary():
    for _ in range(3):
        assert echo(b"x", timeout=5) == b"x"

def future():
    assert echo.future(b"x", timeout=5).result(timeout=5) == b"x"

def stream():
    assert list(channel.unary_stream(path("Repeat"))(b"2", timeout=5)) == [b"2", b"2"]

def waits_for_ready():
    assert echo(b"x", timeout=5, wait_for_ready=True) == b"x"
    grpc.channel_ready_future(channel).result(timeout=5)

def call_under_way():
    if under_way is not None:
        try:
            next(under_way)
            raise AssertionError("it answers")
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE, error

def aio():
    import asyncio
    async def main():
        async with grpc.aio.insecure_channel(address) as channel:
            assert await channel.unary_unary(path("Echo"))(b"x", timeout=5) == b"x"
    asyncio.run(main())

def closes():
    channel.close()
    with grpc.insecure_channel(address) as another:
        assert another.unary_unary(path("Echo"))(b"y", timeout=5) == b"y"

def of_a_child():
    in_child(unary)
    unary()

try:
    for job in (unary, future, stream, waits_for_ready, call_under_way, aio, closes, of_a_child):
        in_child(job)
    assert echo(b"z", timeout=20) == b"z"
finally:
    os.kill(server, 9)
    os.waitpid(server, 0)
print("done")
os._exit(0)
"""


@pytest.mark.parametrize("warm", [True, False])
def test_a_channel_goes_on_in_the_child_of_a_fork(warm):
    tests = os.path.dirname(__file__)
    program = f"import sys; sys.path.insert(0, {tests!r}); WARM = {warm}\n{FORKED}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr


DESCRIPTORS = """
import asyncio, gc, os
import grpc
from conftest import SERVICE, path

async def echo(request, context):
    return request

HANDLERS = grpc.method_handlers_generic_handler(SERVICE, {"Echo": grpc.unary_unary_rpc_method_handler(echo)})

async def serve(stops):
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((HANDLERS,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await channel.unary_unary(path("Echo"))(b"x", timeout=20) == b"x"
    if stops:
        await server.stop(0)

def open_after(loops, stops):
    for _ in range(loops):
        asyncio.run(serve(stops))
    gc.collect()
    return len(os.listdir("/proc/self/fd"))

for stops in (True, False):
    before = open_after(5, stops)
    after = open_after(30, stops)
    # What the last loops had may still be on its way out.
    assert after <= before + 10, (stops, before, after)
print("done")
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="counts below /proc")
def test_loops_with_servers_leave_no_descriptors():
    tests = os.path.dirname(__file__)
    program = f"import sys; sys.path.insert(0, {tests!r})\n{DESCRIPTORS}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "done\n", done.stdout + done.stderr
