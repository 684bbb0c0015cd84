# syntax=docker/dockerfile:1
# tenfold as a service: no PyTorch, not root, nothing to write but /data (corrections) and /tmp.
#
#   docker build -t tenfold .
#   docker run --read-only --tmpfs /tmp -v tenfold:/data -p 127.0.0.1:8000:8000 -e TENFOLD_TOKEN=... tenfold

FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY tenfold tenfold
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve]' \
    && rm -rf /app/bin/pip* /app/lib/python*/site-packages/pip*

FROM python:3.12-slim
LABEL org.opencontainers.image.title="tenfold" \
      org.opencontainers.image.description="Reads handwritten digits: a page and an API" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --home-dir /data tenfold
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
# Reached from outside its container, so it asks for TENFOLD_TOKEN and does not start without.
ENTRYPOINT ["tenfold", "serve", "--host", "0.0.0.0", "--feedback", "/data/feedback.db"]
