"""Builds the stand-ins: distributions with grpcio's names that hold Carom's packages of these names.

    python build.py CAROM_WHEEL FOLDER

CAROM_WHEEL is the wheel of the engine that they are for; the stand-ins are written into FOLDER.

A package lies in the distribution that has its name at grpcio's, and not in `carom`, because installers know files by
the distribution that owns them. When Carom takes grpcio's place, or grpcio takes Carom's, `grpc/` changes hands as in an
upgrade. Were it a part of `carom`, both would own `grpc/__init__.py`, and pip, which installs what is required before
what requires it, would write Carom's files first and then remove them with the old grpcio.

There is no stand-in whose package Carom does not have: a `grpcio-testing` without `grpc_testing` would break programs.
PyPI's own `grpcio-testing` runs over Carom, and what it requires, the stand-in `grpcio` is.
"""

import base64
import dataclasses
import email
import hashlib
import pathlib
import re
import sys
import zipfile

CRATE = pathlib.Path(__file__).resolve().parent.parent
SOURCES = CRATE / "python"
WELL_KNOWN_FILES = CRATE.parent / "protoc/proto"
LICENCES = [CRATE / name for name in ("LICENSE-APACHE", "LICENSE-MIT")]

# The same content makes the same wheel, whenever it is built.
TIMESTAMP = (2025, 1, 1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class StandIn:
    """A distribution.

    Its requirements may name versions: `{carom}` of the engine, `{version}` of the stand-ins, `{api}` of grpcio.
    `folders` are added to the package's own modules: where they lie in the distribution, and where they come from.
    """

    name: str
    package: str
    requirements: "tuple[str, ...]"
    extras: "dict[str, str]" = dataclasses.field(default_factory=dict)
    scripts: "dict[str, str]" = dataclasses.field(default_factory=dict)
    folders: "dict[str, pathlib.Path]" = dataclasses.field(default_factory=dict)


# Generated modules ask for the runtime of the protoc that they are compatible with; it needs Python 3.10.
PROTOBUF = ("protobuf>=7.35.1,<8; python_version >= '3.10'", "protobuf>=6.31; python_version < '3.10'")

STAND_INS = [
    StandIn(
        "grpcio",
        package="grpc",
        requirements=("carom=={carom}",),
        extras={"protobuf": "grpcio-tools=={version}"},
    ),
    StandIn(
        "grpcio-tools",
        package="grpc_tools",
        requirements=("carom=={carom}", "grpcio=={version}", *PROTOBUF),
        scripts={"python-grpc-tools-protoc": "grpc_tools.protoc:entrypoint"},
        # The compiler has them compiled in; other programs look for them here.
        folders={"grpc_tools/_proto": WELL_KNOWN_FILES},
    ),
    StandIn(
        "grpcio-status",
        package="grpc_status",
        # It needs no more than grpc's public API, and thus outlives an upgrade of the others.
        requirements=("grpcio>={api}", "googleapis-common-protos>=1.5.5"),
    ),
]

DESCRIPTION = """\
This is not {name} but Carom in its place: the package `{package}` with the API of {name} {api}, on the engine of the
distribution `carom`. It has the name so that whatever requires {name} is satisfied, and so that only one of the two is
installed.
"""


def main(carom_wheel, folder):
    """Writes all stand-ins for that wheel."""
    carom = metadata_of(carom_wheel)
    api = re.search(r'__version__ = "(.+)"', (SOURCES / "grpc/_grpcio_metadata.py").read_text()).group(1)
    versions = {"api": api, "carom": carom["Version"], "version": f"{api}+carom.{carom['Version']}"}
    required = {requirement.replace(" ", "") for requirement in carom.get_all("Requires-Dist", [])}
    wanted = {f"{stand_in.name}=={versions['version']}" for stand_in in STAND_INS}
    if not required or not required <= wanted:
        sys.exit(f"{carom_wheel} requires {sorted(required)}, which are not of {sorted(wanted)}: mend pyproject.toml")
    for stand_in in STAND_INS:
        write(stand_in, versions, pathlib.Path(folder))


def metadata_of(wheel):
    """The METADATA of a wheel, as a message."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def write(stand_in, versions, folder):
    """Writes the wheel of one stand-in."""
    stem = f"{stand_in.name.replace('-', '_')}-{versions['version']}"
    info = f"{stem}.dist-info"
    sources = sorted(
        path
        for path in (SOURCES / stand_in.package).rglob("*")
        if path.suffix in (".py", ".pyi", ".proto") or path.name == "py.typed"
    )
    files = {path.relative_to(SOURCES).as_posix(): path.read_bytes() for path in sources}
    for inside, source in stand_in.folders.items():
        protos = sorted(source.rglob("*.proto"))
        files.update((f"{inside}/{path.relative_to(source).as_posix()}", path.read_bytes()) for path in protos)
    files.update((f"{info}/licenses/{path.name}", path.read_bytes()) for path in LICENCES)
    files[f"{info}/METADATA"] = metadata(stand_in, versions)
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: carom\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if stand_in.scripts:
        lines = [f"{name} = {function}\n" for name, function in stand_in.scripts.items()]
        files[f"{info}/entry_points.txt"] = "".join(["[console_scripts]\n", *lines]).encode()
    record = [f"{name},{digest(content)},{len(content)}\n" for name, content in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def metadata(stand_in, versions):
    """The METADATA of a stand-in."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {stand_in.name}",
        f"Version: {versions['version']}",
        f"Summary: Carom in the place of {stand_in.name}",
        "License-Expression: MIT OR Apache-2.0",
        *(f"License-File: {path.name}" for path in LICENCES),
        "Requires-Python: >=3.9",
        *(f"Requires-Dist: {requirement.format(**versions)}" for requirement in stand_in.requirements),
    ]
    for extra, requirement in stand_in.extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines.append(f"Requires-Dist: {requirement.format(**versions)}; extra == '{extra}'")
    lines.append("Description-Content-Type: text/markdown")
    description = DESCRIPTION.format(name=stand_in.name, package=stand_in.package, **versions)
    return "\n".join([*lines, "", description]).encode()


def digest(content):
    """A hash as RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
