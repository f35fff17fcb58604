"""What is in the distributions."""

import json
import os
import pathlib
import zipfile

import pytest
from conftest import ENGINE_VERSION, WHEELS

ROOT = pathlib.Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("name", ["carom", "grpcio", "grpcio_tools", "grpcio_status"])
def test_licences_are_inside(name):
    (wheel,) = WHEELS.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {path.split("/")[-1]: archive.read(path) for path in archive.namelist() if "/licenses/" in path}
    assert inside == {name: (ROOT / name).read_bytes() for name in ("LICENSE-APACHE", "LICENSE-MIT")}


def test_what_the_engine_is_made_of_is_listed_with_licences():
    (wheel,) = WHEELS.glob("carom-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (listing,) = (name for name in archive.namelist() if name.endswith(".cyclonedx.json"))
        components = json.loads(archive.read(listing))["components"]
    assert {"carom-wire", "tokio", "rustls", "ring"} <= {component["name"] for component in components}
    assert [component["name"] for component in components if not component.get("licenses")] == []


def test_the_well_known_files_are_those_of_the_compiler():
    (wheel,) = WHEELS.glob("grpcio_tools-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        prefix = "grpc_tools/_proto/"
        inside = {path[len(prefix) :]: archive.read(path) for path in archive.namelist() if path.startswith(prefix)}
    compiled_in = ROOT / "crates/protoc/proto"
    files = (path for path in compiled_in.rglob("*.proto"))
    assert inside == {path.relative_to(compiled_in).as_posix(): path.read_bytes() for path in files}
    assert b"Redistribution and use" in inside["google/protobuf/timestamp.proto"]


def test_wheels_share_no_path():
    owners = {}
    for wheel in WHEELS.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                owners.setdefault(path, []).append(wheel.name)
    assert {path: names for path, names in owners.items() if len(names) > 1} == {}
    assert {path.split("/")[0] for path in owners if ".dist-info" not in path} == {
        "carom",
        "grpc",
        "grpc_tools",
        "grpc_status",
    }


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_source_distribution_builds(environment):
    sources = WHEELS / f"carom-{ENGINE_VERSION}.tar.gz"
    # Whether it builds is what this asks, not how fast the outcome is.
    variables = {"MATURIN_PEP517_ARGS": "--profile dev", "PATH": f"{environment.folder}/bin:{os.environ['PATH']}"}
    environment.pip("install", "--find-links", WHEELS, sources, variables=variables, timeout=800)
    environment.assert_carom()
