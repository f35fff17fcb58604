"""Programs on gevent: client, server and the rest share one thread, so that a wait which held it up would never end."""

import subprocess
import sys

import pytest

pytest.importorskip("gevent")

PROGRAM = """
import gevent.monkey
gevent.monkey.patch_all()
import os, threading
import gevent, gevent.event, gevent.pool
from concurrent import futures
import grpc
import grpc.experimental.gevent
grpc.experimental.gevent.init_gevent()

arrived, go_on = gevent.event.Event(), gevent.event.Event()

def held(request, context):
    arrived.set()
    go_on.wait()
    return request

def count(request, context):
    for number in range(int(request)):
        gevent.sleep(0)
        yield b"%d" % number

def join(requests, context):
    return b"".join(requests)

def mirror(requests, context):
    for request in requests:
        yield request

handlers = {
    "Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
    "Held": grpc.unary_unary_rpc_method_handler(held),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Mirror": grpc.stream_stream_rpc_method_handler(mirror),
}
server = grpc.server(futures.ThreadPoolExecutor(64))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.G", handlers),))
address = "127.0.0.1:%d" % server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(address)
echo, hold = channel.unary_unary("/test.G/Echo"), channel.unary_unary("/test.G/Held")
"""


def run(script, *, timeout=30):
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM + script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split(), ended.stderr


def test_a_call_lets_other_greenlets_run():
    assert run(
        """
def release():
    arrived.wait()
    print("meanwhile")
    go_on.set()

gevent.spawn(release)
print(hold(b"answer").decode())
"""
    ) == (["meanwhile", "answer"], "")


def test_many_calls_wait_at_once():
    assert run(
        """
calls = [gevent.spawn(hold, b"x") for _ in range(50)]
arrived.wait()
assert echo(b"beside them") == b"beside them"
go_on.set()
print(sum(one.get() == b"x" for one in calls))
"""
    ) == (["50"], "")


def test_streams_both_ways():
    assert run(
        """
print(*(item.decode() for item in channel.unary_stream("/test.G/Count")(b"3")))
print(channel.stream_unary("/test.G/Join")(iter([b"a", b"b"])).decode())
turn = gevent.event.Event()
def requests():
    yield b"one"
    turn.wait()
    yield b"two"
for item in channel.stream_stream("/test.G/Mirror")(requests()):
    print(item.decode())
    turn.set()
big = bytes(1 << 20)
print(sum(map(len,
    channel.stream_stream("/test.G/Mirror")(big for _ in range(8)))))
"""
    ) == (["0", "1", "2", "ab", "one", "two", str(8 << 20)], "")


def test_futures_callbacks_and_states():
    assert run(
        """
done = gevent.event.AsyncResult()
states = gevent.event.Event()
channel.subscribe(lambda state: state is grpc.ChannelConnectivity.READY and states.set(), try_to_connect=True)
states.wait()
call = hold.future(b"later")
call.add_done_callback(lambda one: done.set(one.result()))
arrived.wait()
try:
    call.result(timeout=0.01)
except grpc.FutureTimeoutError:
    print("timeout")
go_on.set()
print(done.get().decode())
grpc.channel_ready_future(channel).result(timeout=10)
"""
    ) == (["timeout", "later"], "")


def test_deadlines_and_killed_greenlets():
    assert run(
        """
try:
    hold(b"", timeout=0.05)
except grpc.RpcError as error:
    print(error.code().name)
waiting = gevent.spawn(hold, b"")
gevent.sleep(0)
waiting.kill()
print(type(waiting.value).__name__)
with gevent.Timeout(0.05, False):
    hold(b"")
    print("not reached")
go_on.set()
print(echo(b"well").decode())
"""
    ) == (["DEADLINE_EXCEEDED", "GreenletExit", "well"], "")


def test_real_threads_wait_as_ever():
    assert run(
        """
call = gevent.get_hub().threadpool.spawn(hold, b"from a thread")
arrived.wait()
go_on.set()
print(call.get())
"""
    )[0] == ["b'from", "a", "thread'"]


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_the_child_of_a_fork_has_a_hub_of_its_own():
    assert run(
        """
assert echo(b"parent") == b"parent"
child = os.fork()
if not child:
    with grpc.insecure_channel(address) as own:
        own.unary_unary("/test.G/Echo")(b"child", timeout=10)
    os._exit(7)
waited = gevent.spawn(os.waitpid, child, 0).get()
assert echo(b"parent") == b"parent"
print(os.WEXITSTATUS(waited[1]))
"""
    )[0] == ["7"]


def test_a_server_stops():
    assert run(
        """
gevent.spawn_later(0, server.stop, 0)
server.wait_for_termination()
print("stopped")
"""
    ) == (["stopped"], "")
