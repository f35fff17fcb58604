"""Carom beside pip, in every order."""

import shlex

import pytest
from conftest import ENGINE_VERSION, OLDER, STAND_INS, VERSION, WHEELS, write_empty_wheel


def test_what_requires_grpcio_keeps_carom(environment):
    environment.pip("install", "--find-links", WHEELS, "carom")
    environment.assert_carom()
    # Not even the folder of wheels is known here: what is installed satisfies the requirement.
    environment.pip("install", "grpcio-health-checking", "opentelemetry-instrumentation-grpc[instruments]")
    environment.assert_carom()
    program = """
from grpc_health.v1 import health
health.HealthServicer()
from opentelemetry.instrumentation.grpc import GrpcInstrumentorServer
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
print(get_dependency_conflicts(GrpcInstrumentorServer().instrumentation_dependencies()))
"""
    assert environment.run(environment.python, "-c", program).strip() == "None"


@pytest.mark.long
def test_a_requirement_alone_brings_carom(environment):
    environment.pip("install", "--find-links", WHEELS, "grpcio-reflection")
    environment.assert_carom()
    environment.run(environment.python, "-c", "from grpc_reflection.v1alpha import reflection")


@pytest.mark.long
def test_status_stands_in_for_grpcio_status(environment):
    environment.pip("install", "grpcio-status")
    theirs = {path for path in environment.files() if "/grpc_status/" in path}
    environment.pip("install", "--find-links", WHEELS, "carom", f"grpcio-status=={VERSION}")
    environment.assert_carom()
    assert {path for path in environment.files() if "/grpc_status/" in path} == theirs
    environment.run(environment.python, "-c", "from grpc_status import rpc_status")


@pytest.mark.parametrize("pip", ["that of Python", pytest.param("the newest", marks=pytest.mark.long)])
@pytest.mark.parametrize("wanted", [pytest.param("carom", marks=pytest.mark.long), f"grpcio=={VERSION}"])
def test_after_grpcio_and_away_again(environment, pip, wanted):
    if pip == "the newest":
        environment.pip("install", "--upgrade", "pip")
    environment.pip("install", "grpcio-tools")
    assert environment.engine() == "grpcio"
    environment.pip("install", "--find-links", WHEELS, wanted, f"grpcio-tools=={VERSION}")
    environment.assert_carom()
    before = {path for path in environment.files() if "grpc" not in path and "carom" not in path}
    environment.pip("uninstall", "--yes", "carom", *STAND_INS)
    assert environment.files() == before
    assert not {"carom", "grpc", "grpc_tools"} & {folder.name for folder in environment.site.iterdir()}


@pytest.mark.long
def test_grpcio_replaces_carom_whole(environment):
    environment.pip("install", "grpcio")
    theirs = environment.files()
    environment.pip("install", "--find-links", WHEELS, "carom")
    # pip says what it breaks.
    said = environment.pip("install", "--force-reinstall", f"grpcio=={VERSION.split('+')[0]}")
    assert f"carom {ENGINE_VERSION} requires grpcio=={VERSION}" in said
    assert environment.engine() == "grpcio"
    within = lambda files: {path for path in files if "/site-packages/grpc/" in path}  # noqa: E731
    assert within(environment.files()) == within(theirs)
    said = environment.run(environment.python, "-m", "carom", exit_code=1)
    assert f"grpcio {VERSION.split('+')[0]} is not the stand-in of carom {ENGINE_VERSION}" in said
    obey(environment, said)
    environment.assert_carom()


@pytest.mark.long
def test_upgrade(environment, older):
    environment.pip("install", "--find-links", older, "carom")
    assert environment.version("grpcio").endswith(f"+carom.{OLDER}")
    assert (environment.site / "grpc/gone.py").exists()
    environment.pip("install", "--upgrade", "--find-links", WHEELS, "carom")
    environment.assert_carom()
    assert not (environment.site / "grpc/gone.py").exists()


@pytest.mark.long
def test_constraints_hold_off_a_newer_grpcio(environment, tmp_path):
    write_empty_wheel(tmp_path, "grpcio", "1.999.0")
    (tmp_path / "constraints.txt").write_text("".join(f"{name}=={VERSION}\n" for name in STAND_INS))
    links = ["--find-links", WHEELS, "--find-links", tmp_path]
    assert "grpcio-1.999.0" in environment.pip("install", "--dry-run", *links, "grpcio-reflection").splitlines()[-1]
    environment.pip("install", *links, "--constraint", tmp_path / "constraints.txt", "grpcio-reflection")
    environment.assert_carom()


def test_files_of_both_are_refused(environment):
    environment.pip("install", "--find-links", WHEELS, "carom")
    compiled = environment.site / "grpc/_cython/cygrpc.cpython-39-x86_64-linux-gnu.so"
    compiled.touch()
    said = environment.run(environment.python, "-c", "import grpc", exit_code=1)
    assert f"ImportError: {environment.site}/grpc holds files of Carom and of grpcio ({compiled})" in said
    obey(environment, said)
    environment.assert_carom()


@pytest.mark.long
def test_a_missing_engine_is_named(environment):
    environment.pip("install", "--find-links", WHEELS, "carom")
    environment.pip("uninstall", "--yes", "carom")
    said = environment.run(environment.python, "-c", "import grpc", exit_code=1)
    assert "its engine, the distribution carom, cannot be loaded (No module named 'carom')" in said
    obey(environment, said)
    environment.assert_carom()


@pytest.mark.long
def test_an_engine_of_another_release_is_refused(environment, older):
    environment.pip("install", "--find-links", WHEELS, "carom")
    (stand_in,) = older.glob("grpcio-*.whl")
    environment.pip("install", "--no-deps", stand_in)
    said = environment.run(environment.python, "-c", "import grpc", exit_code=1)
    assert f"is that of carom {OLDER}, but the engine is carom {ENGINE_VERSION}" in said
    obey(environment, said)
    environment.assert_carom()


def obey(environment, said):
    """Runs the commands that a message tells."""
    commands = [line.strip() for line in said.splitlines() if line.startswith("  ") and ("-m pip" in line or "rm" in line)]
    assert commands, said
    for command in commands:
        environment.run("sh", "-c", command.replace("WHEELS", shlex.quote(str(WHEELS))))
