"""The application: endpoints, their descriptions, the page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from tenfold import __version__
from tenfold.model import load_model
from tenfold.serving.answers import Json, Refused, refusal
from tenfold.serving.api import Api
from tenfold.serving.engine import Engine
from tenfold.serving.feedback import Feedback
from tenfold.serving.front import Front
from tenfold.serving.guard import Guard
from tenfold.serving.metrics import Metrics
from tenfold.serving.protocol import Protocol
from tenfold.serving.settings import Settings

MODEL_NAME = "digits"  # in the paths of the Open Inference Protocol
PAGE = Path(str(files("tenfold.serving").joinpath("page")))


def create_app(settings: Settings) -> Front:
    """The ASGI application of one server process; called inside its event loop. Raises RunError for a bad model."""
    limits, metrics = settings.limits, Metrics()
    feedback = Feedback(settings.feedback) if settings.feedback else None
    if feedback:
        feedback.create()
    engine = Engine(load_model(settings.model, threads=1), limits, metrics)
    guard = Guard([settings.host, *settings.hosts], settings.token)
    api = Api(engine, feedback, limits, metrics)
    protocol = Protocol(engine, MODEL_NAME, limits)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    app = FastAPI(
        title="tenfold",
        summary="Handwritten digits: read in pictures, corrected, measured.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    front = Front(app, guard, metrics)

    hot = {
        "/v1/read": api.read,
        "/v1/predict": api.predict,
        "/v1/looked": api.looked,
        f"/v2/models/{MODEL_NAME}/infer": protocol.infer,
    }
    for path, endpoint in hot.items():
        app.add_api_route(path, endpoint, methods=["POST"])
    front.hot = hot
    app.add_api_route("/v1/feedback", api.correct, methods=["POST"], status_code=201)
    app.add_api_route("/metrics", metrics.page, methods=["GET"])
    app.add_api_route("/v1/model", api.model, methods=["GET"])

    @app.get("/v1/feedback")
    async def corrections(request: Request, after: int = 0, most: int = 1000) -> Response:
        """Corrections that were kept, oldest first. Asks for the token even where nothing else does."""
        guard.check_token(request.headers.get("authorization", "").encode())
        return await api.corrections(after, most)

    @app.get("/healthz")
    @app.get("/v2/health/live")
    async def live() -> dict[str, Any]:
        return {"live": True}

    @app.get("/readyz")
    @app.get("/v2/health/ready")
    @app.get(f"/v2/models/{MODEL_NAME}/ready")
    async def ready() -> dict[str, Any]:
        if front.draining:
            raise Refused(503, "ending", "this server is ending")
        return {"ready": True}

    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return {"name": "tenfold", "version": __version__, "extensions": ["binary_tensor_data"]}

    @app.get(f"/v2/models/{MODEL_NAME}")
    async def model() -> dict[str, Any]:
        return protocol.metadata()

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        metrics.refused(error.code)
        return refusal(request.url.path, error)

    return front
