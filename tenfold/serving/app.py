"""The application: its endpoints, the page, the documentation of the API."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from tenfold import __version__
from tenfold.errors import TenfoldError
from tenfold.model import load_model
from tenfold.serving import schemas
from tenfold.serving.engine import Engine
from tenfold.serving.errors import INTERNAL_ERROR, APIError, JSONResponse, error_response
from tenfold.serving.feedback import Feedback
from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import APIMiddleware, ServerState
from tenfold.serving.model_info import model_info
from tenfold.serving.open_inference import OpenInference
from tenfold.serving.openapi import (
    CORRECTION_BODY,
    EXPECT,
    INFER_BODY,
    INSTANCES_BODY,
    PICTURE_BODIES,
    WORK_ERRORS,
    describe,
    image_bodies,
    operation,
)
from tenfold.serving.routes import API
from tenfold.serving.security import AllowedOrigins, Security, route_path
from tenfold.serving.settings import Settings

log = logging.getLogger("tenfold.serving")

STATIC = Path(str(files("tenfold.serving").joinpath("static")))
NO_CACHE = {"Cache-Control": "no-cache"}  # after an upgrade a browser must not mix files of two versions
DESCRIPTION = """
Every error is JSON, `{"error": {"code": ..., "message": ...}}`, and under `/v2` as in the Open Inference Protocol;
codes never change, messages may. With 503 the header `Retry-After` says when to try again.
"""
INSTANCES_PATH = f"/v1/models/{OpenInference.name}:predict"
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
FEEDBACK_FAILED = APIError(
    503,
    "feedback_failed",
    "the database of corrections can't be used at the moment; the server's log says why",
    {"Retry-After": "60"},
)


class Application(FastAPI):
    """Passes requests to `entry` first, which passes on to FastAPI's own middleware and routing what it doesn't answer.

    As middleware that FastAPI is given, it would run within four other layers, which take a tenth of a request's time.
    """

    entry: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.entry(scope, receive, send)

    async def pass_to_routes(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: Settings, state: ServerState | None = None) -> Application:
    """The application, to run under any ASGI server, to mount or to test.

    state: tells when the server process drains. Raises RunError for a bad model, DataError for a bad database.
    """
    state = state or ServerState()
    metrics = Metrics()
    feedback = Feedback(settings.feedback) if settings.feedback else None
    if feedback:
        feedback.create()
    model = load_model(settings.model, threads=1)  # the queue makes batches, and each process has its core
    engine = Engine(model, settings.limits, metrics, settings.cores)
    security = Security([settings.host, *settings.hosts], settings.token, settings.origins)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    app = Application(
        title="tenfold",
        summary="Reads handwritten digits in pictures.",
        description=DESCRIPTION,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # as FastAPI documents it
    api = API(engine, feedback, settings.limits, metrics)
    protocol = OpenInference(engine, settings.limits)
    add_api(app, api, security, settings)
    add_model(app, model_info(model, settings.model) | {"feedback": feedback is not None})
    add_open_inference(app, protocol, state)
    add_state(app, state, metrics)
    add_pages(app)
    add_error_handlers(app, metrics)
    fast_paths = {"/v1/read": api.read, "/v1/predict": api.predict, "/v1/explain": api.explain}
    fast_paths |= {INSTANCES_PATH: api.predict_instances}
    fast_paths |= {f"{path}/infer": protocol.infer for path in protocol.paths}
    app.entry = APIMiddleware(app.pass_to_routes, security, metrics, state, fast_paths)
    if settings.origins:
        app.entry = AllowedOrigins(app.entry, security, settings.origins)
    return app


def add_api(app: FastAPI, api: API, security: Security, settings: Settings) -> None:
    images = image_bodies(settings.limits.images)
    read_query = {"expect": EXPECT, "details": {"type": "boolean", "default": False}}
    app.post(
        "/v1/read",
        **operation(*WORK_ERRORS, response=schemas.ReadResponse, body=PICTURE_BODIES, query=read_query),
    )(api.read)
    app.post("/v1/predict", **operation(*WORK_ERRORS, response=schemas.PredictResponse, body=images))(api.predict)
    app.post("/v1/explain", **operation(*WORK_ERRORS, response=schemas.ExplainResponse, body=images))(api.explain)
    app.post(
        INSTANCES_PATH,
        **operation(*WORK_ERRORS, response=schemas.PredictionsResponse, body=INSTANCES_BODY, error=schemas.InferError),
    )(api.predict_instances)
    app.post(
        "/v1/feedback",
        **operation(*WORK_ERRORS, 404, status=201, response=schemas.CorrectionResponse, body=CORRECTION_BODY),
    )(api.add_correction)

    @app.get("/v1/feedback", **operation(401, 403, 404, 422, 503, response=schemas.CorrectionsResponse))
    async def corrections(
        request: Request,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        """List the stored corrections with an id above `after`, oldest first. Always needs the token."""
        security.check_token(request.headers.get("authorization", "").encode())
        return await api.corrections(after, limit)


def add_model(app: FastAPI, info: dict[str, Any]) -> None:
    @app.get("/v1/model", **operation(401, 403, response=schemas.ModelResponse))
    async def model() -> Response:
        """Describe the served model: name, digest, recipe, metrics, card."""
        return JSONResponse(info)


def add_open_inference(app: FastAPI, protocol: OpenInference, state: ServerState) -> None:
    def v2_operation(*errors: int, **options: Any) -> dict[str, Any]:
        return operation(*errors, error=schemas.InferError, **options)

    @app.get("/v2", **v2_operation(401, 403, response=schemas.ServerMetadata))
    async def server_metadata() -> Response:
        return JSONResponse({"name": "tenfold", "version": __version__, "extensions": ["binary_tensor_data"]})

    @app.get("/v2/health/live", **v2_operation(403, response=schemas.LiveResponse))
    async def server_live() -> Response:
        return JSONResponse({"live": True})

    @app.get("/v2/health/ready", **v2_operation(403, 503, response=schemas.ReadyResponse))
    async def server_ready() -> Response:
        state.check_ready()
        return JSONResponse({"ready": True})

    async def model_metadata() -> Response:
        return JSONResponse(protocol.metadata())

    async def model_ready() -> Response:
        state.check_ready()
        return JSONResponse({"name": protocol.name, "ready": True})

    for path in protocol.paths:
        app.get(path, **v2_operation(401, 403, response=schemas.ModelMetadata))(model_metadata)
        app.get(f"{path}/ready", **v2_operation(401, 403, 503, response=schemas.ModelReadyResponse))(model_ready)
        infer = v2_operation(*WORK_ERRORS, response=schemas.InferResponse, body=INFER_BODY)
        app.post(f"{path}/infer", **infer)(protocol.infer)


def add_state(app: FastAPI, state: ServerState, metrics: Metrics) -> None:
    @app.get("/healthz", **operation(403, response=schemas.LiveResponse))
    async def live() -> Response:
        """Whether the process is alive."""
        return JSONResponse({"live": True})

    @app.get("/readyz", **operation(403, 503, response=schemas.ReadyResponse))
    async def ready() -> Response:
        """Whether to send requests here; no longer once the server shuts down."""
        state.check_ready()
        return JSONResponse({"ready": True})

    @app.get("/metrics", **operation(401, 403, media_type="text/plain"))
    async def prometheus() -> Response:
        """Metrics for Prometheus."""
        return metrics.response()


def add_pages(app: FastAPI) -> None:
    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=NO_CACHE)

    async def docs(request: Request) -> Response:
        return FileResponse(STATIC / "docs.html", headers=NO_CACHE)

    app.add_route("/", index, methods=["GET"], include_in_schema=False)
    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.mount("/static/swagger-ui", StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.mount("/static", _UncachedFiles(directory=STATIC))


class _UncachedFiles(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(NO_CACHE)
        return response


def add_error_handlers(app: FastAPI, metrics: Metrics) -> None:
    """FastAPI's and Starlette's errors in the form of the API's."""

    def respond(request: Request, error: APIError) -> Response:
        metrics.count_error(error.code)
        return error_response(route_path(request.scope), error)

    @app.exception_handler(APIError)
    async def api_error(request: Request, error: APIError) -> Response:
        return respond(request, error)

    @app.exception_handler(TenfoldError)
    async def feedback_error(request: Request, error: TenfoldError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return respond(request, FEEDBACK_FAILED)

    @app.exception_handler(Exception)  # it is raised on, for the middleware to log
    async def internal_error(request: Request, error: Exception) -> Response:
        return respond(request, INTERNAL_ERROR)

    @app.exception_handler(HTTPException)
    async def http_exception(request: Request, error: HTTPException) -> Response:
        code, message = CODES.get(error.status_code, "http_error"), str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == 404:
            message = f"there is nothing at {request.url.path[:200]}"
        if error.status_code == 405:  # Starlette names the methods of the path's first route only
            headers["Allow"] = ", ".join(sorted(allowed_methods(app, request)))
        return respond(request, APIError(error.status_code, code, message, headers))

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return respond(request, APIError(422, "invalid", f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))


def allowed_methods(app: FastAPI, request: Request) -> set[str]:
    """The methods of all routes of a path."""
    found: set[str] = set()
    for route in app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found
