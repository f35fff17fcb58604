#!/usr/bin/env python3
"""Time, CPU and memory of compilers of .proto files, whole processes in turn.

    compiler.py ROOT INCLUDE NAME=PROGRAM...

ROOT holds the .proto files (those of the npm package google-proto-files, say), INCLUDE protobuf's own. Each PROGRAM takes
protoc's command line. Files that the first PROGRAM refuses by themselves are left out. Measured are one small file, growing
parts of the files, all of them, and one made file with 50,000 fields, each into one descriptor set with places and comments;
medians of RUNS (5) runs, of small files twenty times as many.
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

RUNS = int(os.environ.get("RUNS", "5"))
# A run of a few milliseconds is measured more often.
SMALL_RUNS = 20 * RUNS
FIELDS = 50_000


def run(command):
    """Wall and CPU seconds and the largest resident memory in bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command[:2])} … failed with {process.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def accepted(program, root, include):
    names = sorted(
        os.path.relpath(os.path.join(folder, file), root)
        for folder, _, files in os.walk(root)
        for file in files
        if file.endswith(".proto")
    )
    # Protobuf's own tests define the same names more than once.
    names = [name for name in names if not name.startswith("google/protobuf/")]

    def check(name):
        command = [program, "-I.", f"-I{include}", f"-o{os.devnull}", name]
        return subprocess.run(command, cwd=root, capture_output=True).returncode == 0

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [name for name, fine in zip(names, pool.map(check, names)) if fine]


def sample(names, count):
    """A part that is like the whole, in the order of the whole."""
    return sorted(sorted(names, key=hash_of)[:count])


def hash_of(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return value


def wide_file(folder, fields):
    path = os.path.join(folder, f"wide{fields}.proto")
    with open(path, "w") as out:
        out.write('syntax = "proto3";\npackage wide;\nmessage Wide {\n')
        for number in range(1, fields + 1):
            # 19000 to 19999 are protobuf's own.
            number += 1000 if number >= 19000 else 0
            out.write(f"  // The field of number {number}.\n  string field_{number} = {number};\n")
        out.write("}\n")
    return path


def main():
    root, include, *programs = sys.argv[1:]
    root, include = os.path.abspath(root), os.path.abspath(include)
    programs = [(name, os.path.abspath(path)) for name, path in (program.split("=", 1) for program in programs)]
    names = accepted(programs[0][1], root, include)
    small = os.path.join(include, "google/protobuf/empty.proto")
    with tempfile.TemporaryDirectory() as folder:
        cases = [("one small file", os.path.dirname(small), [os.path.basename(small)], SMALL_RUNS)]
        for count in (10, 100, 1_000, len(names)):
            cases.append((f"{count} files", root, sample(names, count), SMALL_RUNS if count == 10 else RUNS))
        for fields in (FIELDS // 10, FIELDS):
            path = wide_file(folder, fields)
            cases.append((f"{fields} fields", folder, [os.path.basename(path)], RUNS))
        floor = 1.1 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(f"{'case':16} {'program':12} {'wall s':>8} {'CPU s':>8} {'MB':>7}   output MB, × of output and sources")
        for case, directory, files, times in cases:
            listed = os.path.join(folder, "files")
            with open(listed, "w") as out:
                out.write("\n".join(files))
            figures = {name: [] for name, _ in programs}
            output = os.path.join(folder, "out")
            os.chdir(directory)
            for _ in range(times):
                for name, program in programs:
                    command = [program, "-I.", f"-I{include}", "--include_source_info", "--include_imports"]
                    figures[name].append(run([*command, f"-o{output}", f"@{listed}"]))
            written = os.path.getsize(output)
            sources = sum(os.path.getsize(file) for file in files)
            for name, runs in figures.items():
                wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
                # A process starts with the memory of the one that made it.
                shown = f"{memory / 1e6:7.1f}" if memory > floor else f"< {floor / 1e6:.0f}"
                ratio = f"{memory / (written + sources):.2f} ×" if memory > floor else ""
                print(f"{case:16} {name:12} {wall:8.4f} {cpu:8.4f} {shown:>7}   {written / 1e6:.1f} {ratio}", flush=True)


if __name__ == "__main__":
    main()
