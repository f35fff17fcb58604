"""What the tests of installing share: fresh environments, and the wheels that `cargo xtask python` made.

CAROM_WHEELS is the folder of the wheels, CAROM_UV the program uv and CAROM_POETRY that of Poetry, which only tests marked
as long need. `cargo xtask python --try` sets all three.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

WHEELS = pathlib.Path(os.environ["CAROM_WHEELS"])
UV = os.environ["CAROM_UV"]
STAND_INS = ("grpcio", "grpcio-tools")

# The stand-ins' version and the engine's.
VERSION = re.search(r"grpcio-(.+)-py3-none-any\.whl", " ".join(path.name for path in WHEELS.glob("grpcio-*.whl")))[1]
ENGINE_VERSION = VERSION.split("+carom.")[1]

# A call over loopback, and whose engine made it.
CALL = """
import sys
from concurrent import futures
import grpc
from grpc._cython import cygrpc

server = grpc.server(futures.ThreadPoolExecutor(1))
echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": echo}),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    assert channel.unary_unary("/test.Echo/Echo")(b"here", timeout=20) == b"here"
server.stop(0).wait()
ours, theirs = "carom._carom" in sys.modules, hasattr(cygrpc, "CompletionQueue")
print("engine:", {(True, False): "carom", (False, True): "grpcio"}.get((ours, theirs), "a mixture"))
"""


class Environment:
    """A fresh virtual environment, copied from another one: that is faster than to make it."""

    def __init__(self, template, folder):
        self.folder = folder
        shutil.copytree(template, folder, symlinks=True)
        for script in folder.glob("bin/pip*"):
            script.write_text(script.read_text().replace(str(template), str(folder)))
        self.python = folder / "bin/python"
        self.site = next(folder.glob("lib/python*/site-packages"))

    def run(self, *command, exit_code=0, **options):
        """What a command says, with the environment's programs first in its path."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        variables |= {"PATH": f"{self.folder}/bin:{variables['PATH']}", "VIRTUAL_ENV": str(self.folder)}
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=options.pop("timeout", 300),
            env=variables | options.pop("variables", {}),
            **options,
        )
        assert done.returncode == exit_code, done.stdout
        return done.stdout

    def pip(self, *arguments, **options):
        return self.run(self.python, "-m", "pip", *arguments, **options)

    def uv_pip(self, command, *arguments, **options):
        return self.run(UV, "pip", command, "--python", self.python, *arguments, **options)

    def engine(self):
        """Whose engine makes calls here: carom or grpcio."""
        # grpcio may have words of its own to say.
        return re.search("^engine: (.+)$", self.run(self.python, "-c", CALL), re.MULTILINE)[1]

    def version(self, distribution):
        program = f"import importlib.metadata as m; print(m.version({distribution!r}))"
        return self.run(self.python, "-c", program).strip()

    def files(self):
        """All files but those that running programs leaves."""
        found = (path for path in self.folder.rglob("*") if not path.is_dir() and path.suffix != ".pyc")
        return {path.relative_to(self.folder).as_posix() for path in found}

    def assert_carom(self):
        """Carom works here, and its distributions agree."""
        assert self.engine() == "carom"
        assert [self.version(name) for name in STAND_INS] == [VERSION, VERSION]
        assert "No broken requirements found." in self.pip("check")
        self.run(self.python, "-m", "carom")


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "environment"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    return folder


@pytest.fixture
def environment(template, tmp_path):
    return Environment(template, tmp_path / "environment")


@pytest.fixture
def older(tmp_path):
    """A folder with wheels of an older Carom, which has a module that today's has no more."""
    folder = tmp_path / "older"
    folder.mkdir()
    for wheel in WHEELS.glob("*.whl"):
        _rewrite(wheel, folder / wheel.name.replace(ENGINE_VERSION, OLDER))
    return folder


OLDER = "0.0.9"


def write_empty_wheel(folder, name, version, *requirements):
    """A wheel without modules."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "\n".join([*lines, ""]))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "".join(f"{info}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD")))


def _rewrite(wheel, target):
    old, new = ENGINE_VERSION.encode(), OLDER.encode()
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(("METADATA", "RECORD", "_installation.py")):
                content = content.replace(old, new)
            if name.endswith("RECORD") and b"grpc/__init__.py" in content:
                # Hashes are left out: those of the changed files would be wrong.
                content = re.sub(rb",sha256=.*", b",,", content) + b"grpc/gone.py,,\n"
                copy.writestr("grpc/gone.py", "")
            copy.writestr(name.replace(ENGINE_VERSION, OLDER), content)
