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
from tenfold.serving.front import Front
from tenfold.serving.guard import Guard
from tenfold.serving.metrics import Metrics
from tenfold.serving.settings import Settings

PAGE = Path(str(files("tenfold.serving").joinpath("page")))


def create_app(settings: Settings) -> Front:
    """The ASGI application of one server process; called inside its event loop. Raises RunError for a bad model."""
    metrics = Metrics()
    engine = Engine(load_model(settings.model), settings.limits, metrics)
    api = Api(engine, settings.limits, metrics)

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
    hot = {"/v1/predict": api.predict, "/v1/read": api.read, "/v1/looked": api.looked}
    for path, endpoint in hot.items():
        app.add_api_route(path, endpoint, methods=["POST"])
    app.add_api_route("/metrics", metrics.page, methods=["GET"])
    app.mount("/page", StaticFiles(directory=PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        metrics.refused(error.code)
        return refusal(request.url.path, error)

    return Front(app, hot, Guard([settings.host, *settings.hosts], settings.token), metrics)
