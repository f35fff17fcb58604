"""protoc's command line, and modules made from .proto files when they are imported.

    python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. helloworld.proto

The well-known files (google/protobuf/*.proto) are found without an include path. For other programs they also lie in the
folder `_proto` of this package.
"""

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
import threading

from carom import _carom

_PROTO_MODULE_SUFFIX = "_pb2"
_SERVICE_MODULE_SUFFIX = "_pb2_grpc"
_DISABLE_DYNAMIC_STUBS = "GRPC_PYTHON_DISABLE_DYNAMIC_STUBS"

_FINDERS_LOCK = threading.Lock()
_FINDERS = []


def main(command_arguments):
    """Runs the compiler.

    Args:
        command_arguments: the command line, a list of strings; the first is the program's name.

    Returns:
        The exit code: 0, or 1 where anything failed; then messages are on standard error.
    """
    return _carom.protoc([os.fsdecode(argument) for argument in command_arguments[1:]])


def entrypoint():
    """The command `python-grpc-tools-protoc`."""
    sys.exit(main(sys.argv))


def _get_resource_file_name(package_or_requirement, resource_name):
    """The path of a file or folder in a package; build scripts ask for `("grpc_tools", "_proto")`."""
    package = importlib.import_module(package_or_requirement)
    return os.path.join(os.path.dirname(os.path.abspath(package.__file__)), resource_name)


def _generate(proto_path, option, suffix):
    """The source text that the compiler makes of a file found on sys.path."""
    includes = [f"--proto_path={directory or os.curdir}" for directory in sys.path if os.path.isdir(directory or ".")]
    with tempfile.TemporaryDirectory() as folder:
        if main(["protoc", *includes, f"--{option}={folder}", proto_path]) != 0:
            raise ImportError(f"{proto_path} cannot be compiled; the messages are on standard error")
        generated = os.path.join(folder, proto_path[: -len(".proto")].replace("-", "_") + f"{suffix}.py")
        with open(generated, encoding="utf-8") as source:
            return source.read()


class ProtoLoader(importlib.abc.Loader):
    """Makes a module from what the compiler generates."""

    def __init__(self, suffix, codegen_fn, module_name, protobuf_path, proto_root):
        self._suffix = suffix
        self._codegen_fn = codegen_fn
        self._module_name = module_name
        self._protobuf_path = protobuf_path
        self._proto_root = proto_root

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source = self._codegen_fn(self._protobuf_path)
        exec(compile(source, f"<generated from {self._protobuf_path}>", "exec"), module.__dict__)


class ProtoFinder(importlib.abc.MetaPathFinder):
    """Finds X_pb2 and X_pb2_grpc where there is an X.proto on sys.path."""

    def __init__(self, suffix, codegen_fn):
        self._suffix = suffix
        self._codegen_fn = codegen_fn

    def find_spec(self, fullname, path, target=None):
        if not fullname.endswith(self._suffix):
            return None
        proto_path = fullname[: -len(self._suffix)].replace(".", "/") + ".proto"
        for root in sys.path:
            for candidate in (proto_path, _dashed(proto_path)):
                if os.path.isfile(os.path.join(root or os.curdir, candidate)):
                    loader = ProtoLoader(self._suffix, self._codegen_fn, fullname, candidate, root)
                    return importlib.machinery.ModuleSpec(fullname, loader)
        return None


def _dashed(proto_path):
    folder, name = os.path.split(proto_path)
    return os.path.join(folder, name.replace("_", "-"))


def _install_finders():
    with _FINDERS_LOCK:
        if not _FINDERS:
            _FINDERS.extend(
                (
                    ProtoFinder(_PROTO_MODULE_SUFFIX, _messages_source),
                    ProtoFinder(_SERVICE_MODULE_SUFFIX, _services_source),
                )
            )
            sys.meta_path.extend(_FINDERS)


def _messages_source(proto_path):
    return _generate(proto_path, "python_out", _PROTO_MODULE_SUFFIX)


def _services_source(proto_path):
    return _generate(proto_path, "grpc_python_out", _SERVICE_MODULE_SUFFIX)


def _module_name(suffix, proto_path):
    return proto_path[: -len(".proto")].replace("-", "_").replace("/", ".") + suffix


def _protos(protobuf_path):
    """The module of messages of a file on sys.path; see `grpc.protos`."""
    _install_finders()
    return importlib.import_module(_module_name(_PROTO_MODULE_SUFFIX, protobuf_path))


def _services(protobuf_path):
    """The module of services of a file on sys.path; see `grpc.services`."""
    _install_finders()
    return importlib.import_module(_module_name(_SERVICE_MODULE_SUFFIX, protobuf_path))


if not os.environ.get(_DISABLE_DYNAMIC_STUBS):
    _install_finders()

if __name__ == "__main__":
    sys.exit(main(sys.argv))
