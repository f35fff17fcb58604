#!/usr/bin/env python3
"""CPU that servers take for a call, at any number of connections and of streams on each.

    server_cpu.py SCENARIOS NAME=COMMAND...

SCENARIOS is a list like 10x10,1000x1,1x100 (connections x streams in flight on each). In COMMAND, {port} is replaced.
A NAME that ends with `-tls` is asked by https. The server is pinned to core SERVER_CORES (0) and the load (h2load, one
thread) to LOAD_CORES (1); each figure is the median of RUNS (3) runs of SECONDS (3), the servers in turn. Connections are made
in the two seconds before: a figure is what a call costs, and not what a connection does.
"""
import os
import re
import shlex
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

RUNS, SECONDS = int(os.environ.get("RUNS", "3")), int(os.environ.get("SECONDS", "3"))
SERVER_CORES, LOAD_CORES = os.environ.get("SERVER_CORES", "0"), os.environ.get("LOAD_CORES", "1")
WARM_UP = 2
TICKS = os.sysconf("SC_CLK_TCK")
PATH = "/helloworld.Greeter/SayHello"


def body(size=5):
    message = b"\x0a" + bytes([size]) + b"w" * size
    return b"\0" + struct.pack(">I", len(message)) + message


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(port, tls, connections, streams, data):
    command = ["taskset", "-c", LOAD_CORES, "h2load", "-t1", f"-c{connections}", f"-m{streams}", "-d", data]
    command += ["-D", str(SECONDS), f"--warm-up-time={WARM_UP}", "-H", "content-type: application/grpc", "-H", "te: trailers"]
    command.append(f"{'https' if tls else 'http'}://127.0.0.1:{port}{PATH}")
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def figure(command, tls, connections, streams, data):
    port = free_port()
    words = ["taskset", "-c", SERVER_CORES] + shlex.split(command.replace("{port}", str(port)))
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        with load(port, tls, connections, streams, data) as loading:
            # Well within the time that is counted.
            time.sleep(WARM_UP + 0.1 * SECONDS)
            start, before = time.monotonic(), cpu_seconds(server.pid)
            time.sleep(0.8 * SECONDS)
            share = (cpu_seconds(server.pid) - before) / (time.monotonic() - start)
            said = loading.communicate(timeout=120)[0]
        answered = int(re.search(r"status codes: (\d+) 2xx", said)[1])
        if not answered:
            raise RuntimeError(f"no call was answered:\n{said}")
        return share * SECONDS * 1e6 / answered
    finally:
        server.kill()
        server.wait()


def main():
    scenarios = [tuple(map(int, word.split("x"))) for word in sys.argv[1].split(",")]
    servers = [word.split("=", 1) for word in sys.argv[2:]]
    with tempfile.NamedTemporaryFile() as data:
        data.write(body())
        data.flush()
        print(f"{'CPU us a call':16}" + "".join(f"{name:>16}" for name, _ in servers))
        for connections, streams in scenarios:
            runs = {name: [] for name, _ in servers}
            for _ in range(RUNS):
                for name, command in servers:
                    runs[name].append(figure(command, name.endswith("-tls"), connections, streams, data.name))
            line = "".join(f"{statistics.median(runs[name]):16.2f}" for name, _ in servers)
            print(f"{f'c{connections}m{streams}':16}{line}", flush=True)


if __name__ == "__main__":
    main()
