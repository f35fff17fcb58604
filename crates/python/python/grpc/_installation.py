"""Refuses to go on where this package and the engine do not belong together, or where files of grpcio lie among these.

An installer never makes either, since the distribution that owns `grpc/` is named grpcio whoever made it. A copied folder
may, and so may installing by hand what pip would have refused.
"""

import os
import sys

# The release of the engine that this package is written for.
ENGINE_VERSION = "0.1.0"

_FOLDER = os.path.dirname(__file__)


def _check():
    try:
        from carom import _carom
    except ImportError as error:
        raise ImportError(
            f"{_FOLDER} is Carom's, but its engine, the distribution carom, cannot be loaded ({error}). To mend it:\n"
            f"  {sys.executable} -m pip install --force-reinstall --find-links WHEELS carom=={ENGINE_VERSION}\n"
            f"where WHEELS is the folder with Carom's wheels."
        ) from error
    if _carom.VERSION != ENGINE_VERSION:
        raise ImportError(
            f"{_FOLDER} is that of carom {ENGINE_VERSION}, but the engine is carom {_carom.VERSION}. To mend it:\n"
            f"  {sys.executable} -m pip install --force-reinstall --find-links WHEELS carom=={_carom.VERSION}\n"
            f"where WHEELS is the folder with Carom's wheels."
        )
    compiled = _compiled_part_of_grpcio()
    if compiled:
        site = os.path.dirname(_FOLDER)
        remains = [f"{site}/{name}" for name in ("grpc", "grpc_tools", "grpcio-*.dist-info", "grpcio_tools-*.dist-info")]
        raise ImportError(
            f"{_FOLDER} holds files of Carom and of grpcio ({compiled}). To mend it:\n"
            f"  {sys.executable} -m pip uninstall --yes carom grpcio grpcio-tools\n"
            f"  rm -rf {' '.join(remains)}\n"
            f"  {sys.executable} -m pip install --find-links WHEELS carom=={ENGINE_VERSION}\n"
            f"where WHEELS is the folder with Carom's wheels. Without the last line, grpcio can be installed again."
        )


def _compiled_part_of_grpcio():
    """The file that `grpc._cython.cygrpc` would be imported from in place of Carom's, or None."""
    folder = os.path.join(_FOLDER, "_cython")
    try:
        names = os.listdir(folder)
    except OSError:
        # Imported from an archive, where no compiled module can be.
        return None
    compiled = (name for name in names if name.startswith("cygrpc.") and name.endswith((".so", ".pyd")))
    return next((os.path.join(folder, name) for name in compiled), None)


_check()
