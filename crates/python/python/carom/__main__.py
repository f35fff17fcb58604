"""`python -m carom` tells whether this environment's gRPC is Carom; the exit code is 1 where it is not."""

import importlib.metadata
import sys

from carom import _carom

_STAND_INS = ("grpcio", "grpcio-tools")


def main():
    """Prints what is installed, and what to do where that is not Carom throughout."""
    print(f"carom {_carom.VERSION}")
    found = [_other_than_carom(name) for name in _STAND_INS]
    found.append(_trouble_of_import())
    problems = [problem for problem in found if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    if any(found[: len(_STAND_INS)]):
        print(
            f"To have Carom, with WHEELS the folder of its wheels:\n"
            f"  {sys.executable} -m pip install --find-links WHEELS carom=={_carom.VERSION}",
            file=sys.stderr,
        )
    return 1 if problems else 0


def _other_than_carom(name):
    """What is wrong with the distribution of that name; prints it where it is right."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is not installed"
    if not version.endswith(f"+carom.{_carom.VERSION}"):
        return f"{name} {version} is not the stand-in of carom {_carom.VERSION}"
    print(f"{name} {version}")
    return None


def _trouble_of_import():
    try:
        import grpc
    except ImportError as error:
        return f"import grpc: {error}"
    return None if hasattr(grpc, "_installation") else f"{grpc.__file__} is not Carom's"


if __name__ == "__main__":
    sys.exit(main())
