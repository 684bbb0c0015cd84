"""The trained models that tenfold brings; README.md beside this file says how they were made and what they reach."""

from importlib.resources import files

from tenfold.errors import RunError


def read_weights(name: str) -> bytes:
    """The bytes of the bundled NAME.onnx. Raises RunError where it is not there."""
    file = files(__name__).joinpath(f"{name}.onnx")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{file}: this file is missing; it should have come with tenfold, so install it again") from None
