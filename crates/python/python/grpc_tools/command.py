"""A setuptools command that compiles the .proto files of a package."""

import os
import sys

import setuptools

from grpc_tools import protoc


def build_package_protos(package_root, strict_mode=False):
    """Compiles every .proto file below a folder, each beside itself.

    Args:
        package_root: the folder; import names are relative to it.
        strict_mode: whether a file that does not compile is an error, rather than a warning.

    Raises:
        Exception: a file does not compile, in strict mode.
    """
    root = os.path.abspath(package_root)
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if not name.endswith(".proto"):
                continue
            arguments = [
                "grpc_tools.protoc",
                f"--proto_path={root}",
                f"--python_out={root}",
                f"--pyi_out={root}",
                f"--grpc_python_out={root}",
                os.path.join(folder, name),
            ]
            if protoc.main(arguments) == 0:
                continue
            if strict_mode:
                raise Exception(f"error: {arguments} failed")
            sys.stderr.write(f"warning: {arguments} failed\n")


class BuildPackageProtos(setuptools.Command):
    """`python setup.py build_proto_modules`."""

    description = "build grpc protobuf modules"
    user_options = [("strict-mode", "s", "exit with non-zero value if the proto compiling fails.")]

    def initialize_options(self):
        self.strict_mode = False

    def finalize_options(self):
        pass

    def run(self):
        build_package_protos(self.distribution.package_dir[""], self.strict_mode)
