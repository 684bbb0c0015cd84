"""The bundled models; README.md in this folder is their card."""

from importlib.resources import files

from tenfold.errors import RunError


def read_weights(name: str) -> bytes:
    """The bytes of the bundled NAME.onnx. Raises RunError if it is missing."""
    file = files(__name__).joinpath(f"{name}.onnx")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{file}: this file is missing; reinstall tenfold, which includes it") from None
