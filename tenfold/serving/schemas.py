"""The JSON documents of the API, as types that decode and check requests and describe responses in OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tenfold.images import CLASSES, SIDE

Probability = Annotated[float, Meta(ge=0, le=1)]
DigitValue = Annotated[int, Meta(ge=0, le=9)]
Expect = Literal["auto", "digit", "line", "page"]
Base64 = Annotated[str, Meta(extra_json_schema={"contentEncoding": "base64"})]
Picture = Annotated[
    str,
    Meta(
        description="A picture in base64, also as a data URL.",
        extra_json_schema={"contentEncoding": "base64", "format": "picture"},
    ),
]
DigitImage = Annotated[
    str,
    Meta(
        description="28x28 gray levels in base64, white ink on black: what the network saw.",
        extra_json_schema={"contentEncoding": "base64"},
    ),
]
PixelValue = Annotated[int, Meta(ge=0, le=255)]
PixelRow = Annotated[list[PixelValue], Meta(min_length=SIDE, max_length=SIDE)]
PixelRows = Annotated[list[PixelRow], Meta(min_length=SIDE, max_length=SIDE)]
Values = list[float | list[float | list[float | list[float]]]]
ImageValues = Annotated[
    Values,
    Meta(
        min_length=1,
        description="Gray levels, white ink (255) on black (0), or all from 0 to 1. The shape is (N, 28, 28) or "
        "(N, 784), with a channel (N, 28, 28, 1) or (N, 1, 28, 28), or that of one image.",
    ),
]
Probabilities = list[Annotated[list[Probability], Meta(min_length=CLASSES, max_length=CLASSES)]]
Warnings = Annotated[list[str], Meta(min_length=1, description="What was done to the images; absent if nothing was.")]


class PredictRequest(Struct):
    images: ImageValues


class PredictResponse(Struct):
    digits: list[DigitValue]
    probabilities: Probabilities
    warnings: Warnings | UnsetType = UNSET


class InstancesRequest(Struct):
    """As clients of TensorFlow Serving send images."""

    instances: ImageValues


class PredictionsResponse(Struct):
    predictions: Probabilities
    warnings: Warnings | UnsetType = UNSET


class ExplainResponse(Struct):
    digit: DigitValue
    heatmap: Annotated[
        list[Annotated[list[float], Meta(min_length=SIDE, max_length=SIDE)]],
        Meta(min_length=SIDE, max_length=SIDE, description="How much each pixel supports the digit, in log-odds."),
    ]
    warnings: Warnings | UnsetType = UNSET


class DigitResponse(Struct):
    value: DigitValue
    confidence: Probability
    box: Annotated[
        list[int],
        Meta(min_length=4, max_length=4, description="x, y, width and height in pixels of the upright picture."),
    ]
    alternatives: Annotated[
        list[tuple[DigitValue, Probability]], Meta(description="Other values with their probabilities, best first.")
    ]
    image: DigitImage | UnsetType = UNSET
    probabilities: list[Probability] | UnsetType = UNSET


class MarkResponse(Struct):
    value: Annotated[str, Meta(description="A sign such as . or %, or `other`.")]
    confidence: Probability
    box: Annotated[list[int], Meta(min_length=4, max_length=4)]
    position: Annotated[int, Meta(ge=0, description="Index in the line's text before which the mark stands.")]


class LineResponse(Struct):
    text: str
    full_text: Annotated[str, Meta(description="With the marks between the digits.")]
    confidence: Probability
    box: Annotated[list[int], Meta(min_length=4, max_length=4)]
    marks: list[MarkResponse]


class ReadRequest(Struct):
    """A picture, in a field of any name."""

    picture: Picture
    expect: Expect = "auto"
    details: bool = False


class ReadResponse(Struct):
    text: Annotated[str, Meta(description="Lines are separated by newlines; empty if there is no digit.")]
    full_text: Annotated[str, Meta(description="The text with its marks, as 12.50 or 24/12/2026.")]
    number: Annotated[float | None, Meta(description="The value, if the text is clearly one number.")]
    confidence: Annotated[Probability, Meta(description="The probability that `text` is right; marks have their own.")]
    digits: list[DigitResponse]
    lines: list[LineResponse]
    warnings: Annotated[list[str], Meta(description="What is doubtful beside the digits.")]
    milliseconds: float


class CorrectionRequest(Struct):
    """What one digit of a picture really is."""

    picture: Picture
    label: Annotated[DigitValue | None, Meta(description="The right digit; null if it is not a digit.")]
    digit: Annotated[int, Meta(ge=0, description="Index of the digit in the reading.")] = 0
    expect: Expect = "auto"


class CorrectionResponse(Struct):
    id: int
    prediction: DigitValue
    label: DigitValue | None


class StoredCorrection(Struct):
    id: int
    time: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    image: DigitImage
    prediction: DigitValue
    confidence: Probability
    label: DigitValue | None
    model: Annotated[str, Meta(description="sha256 of the model that read it.")]


class CorrectionsResponse(Struct):
    corrections: list[StoredCorrection]


class ModelResponse(Struct):
    name: str
    digest: Annotated[str, Meta(description="sha256 of the ONNX file.")]
    version: Annotated[str, Meta(description="The version of tenfold.")]
    recipe: dict[str, Any] | None
    metrics: dict[str, Any] | None
    card: str | None
    feedback: Annotated[bool, Meta(description="Whether the server stores corrections.")]


class LiveResponse(Struct):
    live: bool


class ReadyResponse(Struct):
    ready: bool


class ErrorDetail(Struct):
    code: str
    message: str


class ErrorResponse(Struct):
    error: ErrorDetail


class InferError(Struct):
    error: str
    code: str


class ServerMetadata(Struct):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(Struct):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReadyResponse(Struct):
    name: str
    ready: bool


class InputTensor(Struct):
    """Images as flat or nested lists, or as bytes behind the JSON with the parameter `binary_data_size`.

    The shape is (N, 28, 28) or (N, 784), with a channel (N, 28, 28, 1) or (N, 1, 28, 28).
    """

    name: Literal["images"]
    datatype: Literal["UINT8", "FP32"]
    shape: Annotated[list[Annotated[float, Meta(ge=1, le=1e6, multiple_of=1)]], Meta(min_length=2, max_length=4)]
    data: Values | UnsetType = UNSET
    parameters: dict[str, Any] = {}


class RequestedOutput(Struct):
    name: Literal["probabilities"]
    parameters: dict[str, Any] = {}


class InferRequest(Struct):
    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    outputs: Annotated[list[RequestedOutput], Meta(max_length=1)] = []
    parameters: dict[str, Any] = {}
    id: str | UnsetType = UNSET


class OutputTensor(Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[float] | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class InferResponse(Struct):
    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


def documented_types() -> list[type[Struct]]:
    """All documents of this module."""
    return [
        value
        for value in globals().values()
        if isinstance(value, type) and issubclass(value, Struct) and value is not Struct
    ]


def components() -> dict[str, Any]:
    """Their JSON schemas by name, for OpenAPI's `components`."""
    _, schemas = msgspec.json.schema_components(documented_types(), ref_template="#/components/schemas/{name}")
    return schemas
