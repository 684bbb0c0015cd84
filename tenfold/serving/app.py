"""The application: endpoints, their descriptions, the page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Route
from starlette.staticfiles import StaticFiles

from tenfold import __version__
from tenfold.errors import TenfoldError
from tenfold.model import load_model
from tenfold.serving import schemas as schema
from tenfold.serving.about import about
from tenfold.serving.api import Api
from tenfold.serving.direct import Direct
from tenfold.serving.engine import Engine
from tenfold.serving.errors import Json, Refused, refusal
from tenfold.serving.feedback import Feedback
from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import Front, log
from tenfold.serving.open_inference import Protocol
from tenfold.serving.schemas import WORK, operation, record
from tenfold.serving.security import Guard
from tenfold.serving.settings import Settings

PAGE = Path(str(files("tenfold.serving").joinpath("static")))
FRESH = {"Cache-Control": "no-cache"}  # after an upgrade a browser must not mix files of two versions
DESCRIPTION = """
Every error is JSON, `{"error": {"code": ..., "message": ...}}`, under `/v2` as the Open Inference Protocol has it;
codes stay, messages may change. 503 says with `Retry-After` when to come again.
"""
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
NO_CORRECTIONS = Refused(
    503,
    "feedback_failed",
    "the database of corrections can't be used now; the server's log says why",
    {"Retry-After": "60"},
)


def create_app(settings: Settings) -> Front:
    """The ASGI application of one server process; called inside its event loop. Raises RunError for a bad model."""
    metrics = Metrics()
    feedback = Feedback(settings.feedback) if settings.feedback else None
    if feedback:
        feedback.create()
    model = load_model(settings.model, threads=1)  # the queue makes batches, and each process has its core
    engine = Engine(model, settings.limits, metrics, settings.cores)
    guard = Guard([settings.host, *settings.hosts], settings.token)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    app = FastAPI(
        title="tenfold",
        summary="Handwritten digits: read in pictures, and corrected.",
        description=DESCRIPTION,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    front = Front(app, guard, metrics)
    api = Api(engine, feedback, settings.limits, metrics)
    add_api(app, api, guard, settings)
    add_model(app, about(model, settings.model) | {"keeps_corrections": feedback is not None})
    protocol = Protocol(engine, settings.limits)
    add_protocol(app, protocol, front)
    add_state(app, front, metrics)
    add_page(app)
    add_errors(app, metrics)
    front.hot = {
        "/v1/read": api.read,
        "/v1/predict": api.predict,
        "/v1/looked": api.looked,
    } | {f"{path}/infer": protocol.infer for path in protocol.paths}
    front.direct = Direct(front, api, engine.images, guard, metrics)
    front.queues = dict.fromkeys(front.hot, engine.images) | {"/v1/read": engine.pictures}
    return front


def add_api(app: FastAPI, api: Api, guard: Guard, settings: Settings) -> None:
    app.post(
        "/v1/read",
        **operation(
            *WORK,
            answer=schema.READING,
            body=schema.PICTURE_BODIES,
            query={"expect": schema.EXPECT, "details": {"type": "boolean", "default": False}},
        ),
    )(api.read)
    app.post(
        "/v1/predict",
        **operation(
            *WORK,
            answer=record(
                digits=schema.array(schema.DIGIT), probabilities=schema.array(schema.array(schema.SHARE, 10))
            ),
            body=schema.image_bodies(settings.limits.images),
        ),
    )(api.predict)
    app.post(
        "/v1/looked",
        **operation(
            *WORK,
            answer=record(digit=schema.DIGIT, losses=schema.array(schema.array({"type": "number"}, 28), 28)),
            body=schema.image_bodies(1),
        ),
    )(api.looked)
    app.post(
        "/v1/feedback",
        **operation(
            *WORK,
            404,
            status=201,
            answer=record(id={"type": "integer"}, read=schema.DIGIT, truth={"anyOf": [schema.DIGIT, {"type": "null"}]}),
            body=schema.CORRECTION_BODY,
        ),
    )(api.correct)

    @app.get(
        "/v1/feedback",
        **operation(401, 403, 404, 422, 503, answer=record(corrections=schema.array(schema.CORRECTION))),
    )
    async def corrections(
        request: Request,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        most: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        """Corrections that were kept, oldest first. Asks for the token even where nothing else does."""
        guard.check_token(request.headers.get("authorization", "").encode())
        return await api.corrections(after, most)


def add_model(app: FastAPI, known: dict[str, Any]) -> None:
    @app.get("/v1/model", **operation(401, 403, answer=schema.MODEL))
    async def model() -> Response:
        """The model that reads: name, digest, recipe, figures, card."""
        return Json(known)


def add_protocol(app: FastAPI, protocol: Protocol, front: Front) -> None:
    def said(*codes: int, **more: Any) -> dict[str, Any]:
        return operation(*codes, error=schema.PROTOCOL_ERROR, **more)

    server = record(name={"type": "string"}, version={"type": "string"}, extensions=schema.array({"type": "string"}))
    flag = {"type": "boolean"}

    @app.get("/v2", **said(401, 403, answer=server))
    async def server_metadata() -> Response:
        return Json({"name": "tenfold", "version": __version__, "extensions": ["binary_tensor_data"]})

    @app.get("/v2/health/live", **said(403, answer=record(live=flag)))
    async def server_live() -> Response:
        return Json({"live": True})

    @app.get("/v2/health/ready", **said(403, 503, answer=record(ready=flag)))
    async def server_ready() -> Response:
        front.check_ready()
        return Json({"ready": True})

    for path in protocol.paths:
        add_served_model(app, path, protocol, front, said)


def add_served_model(app: FastAPI, path: str, protocol: Protocol, front: Front, said: Callable[..., Any]) -> None:
    @app.get(path, **said(401, 403, answer={"type": "object"}))
    async def model_metadata() -> Response:
        return Json(protocol.metadata())

    ready = record(name={"type": "string"}, ready={"type": "boolean"})

    @app.get(f"{path}/ready", **said(401, 403, 503, answer=ready))
    async def model_ready() -> Response:
        front.check_ready()
        return Json({"name": protocol.name, "ready": True})

    app.post(f"{path}/infer", **said(*WORK, answer=schema.INFERRED, body=schema.INFER_BODY))(protocol.infer)


def add_state(app: FastAPI, front: Front, metrics: Metrics) -> None:
    @app.get("/healthz", **operation(403, answer=record(live={"type": "boolean"})))
    async def live() -> Response:
        """Whether the process is alive."""
        return Json({"live": True})

    @app.get("/readyz", **operation(403, 503, answer=record(ready={"type": "boolean"})))
    async def ready() -> Response:
        """Whether requests should be sent here; not any more once the server was told to end."""
        front.check_ready()
        return Json({"ready": True})

    @app.get("/metrics", **operation(401, 403, answer={"type": "string"}, media_type="text/plain"))
    async def prometheus() -> Response:
        """Counters for Prometheus."""
        return metrics.page()


def add_page(app: FastAPI) -> None:
    for path, file in (("/", "index.html"), ("/docs", "docs.html")):
        app.add_route(path, _file(PAGE / file), methods=["GET"], include_in_schema=False)
    app.mount("/static", _Files(directory=PAGE))


def _file(path: Path) -> Any:
    async def answer(request: Request) -> Response:
        return FileResponse(path, headers=FRESH)

    return answer


class _Files(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(FRESH)
        return response


def methods(app: FastAPI, request: Request) -> set[str]:
    """What may be asked of a path, by all of its routes."""
    found: set[str] = set()
    for route in app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found


def add_errors(app: FastAPI, metrics: Metrics) -> None:
    """Errors of FastAPI and Starlette in the form of ours."""

    def said(request: Request, refused: Refused) -> Response:
        metrics.refused(refused.code)
        return refusal(request.url.path, refused)

    @app.exception_handler(Refused)
    async def ours(request: Request, error: Refused) -> Response:
        return said(request, error)

    @app.exception_handler(TenfoldError)
    async def of_feedback(request: Request, error: TenfoldError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return said(request, NO_CORRECTIONS)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        raise error  # to the front, which logs and answers; Starlette would answer in plain text

    @app.exception_handler(HTTPException)
    async def of_starlette(request: Request, error: HTTPException) -> Response:
        code, message = CODES.get(error.status_code, "refused"), str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == 404:
            message = f"there is nothing at {request.url.path[:200]}"
        if error.status_code == 405:  # Starlette names the methods of the first route of a path alone
            headers["Allow"] = ", ".join(sorted(methods(app, request)))
        return said(request, Refused(error.status_code, code, message, headers))

    @app.exception_handler(RequestValidationError)
    async def of_fastapi(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return said(request, Refused(422, "invalid", f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
