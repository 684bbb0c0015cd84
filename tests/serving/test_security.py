import contextlib
import tracemalloc

import pytest

from tenfold.serving.errors import APIError
from tenfold.serving.security import Security
from tenfold.serving.settings import Settings, is_loopback
from tests.serving.serving_help import serving


@pytest.fixture(scope="module")
def secret(model_file):
    with serving(Settings(model_file, port=0, token="s3cret", hosts=("digits.example.org",))) as client:
        yield client


OWN = ["localhost", "LocalHost:1", "127.0.0.1:8000", "[::1]:80", "10.1.2.3", "digits.example.org"]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[", "1.2.3"]


@pytest.mark.parametrize("host", OWN)
def test_security_accepts_own_hosts_and_addresses(secret, host):
    assert secret.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_security_refuses_other_hosts(secret, host):
    answer = secret.get("/healthz", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unknown_host")


def test_security_requires_host_but_for_health():
    for headers in ([], [(b"host", b"")]):
        with pytest.raises(APIError, match="not known by that name"):
            Security([], None).check({"path": "/v1/model", "headers": headers})
        Security([], "token").check({"path": "/healthz", "headers": headers})


def test_security_checks_every_host():
    security = Security([], None)
    security.check({"path": "/healthz", "headers": [(b"host", b"localhost")]})
    with pytest.raises(APIError, match="not known by that name"):
        security.check({"path": "/healthz", "headers": [(b"host", b"evil.example")]})


def test_security_refuses_other_origins(secret):
    host = secret.base_url.netloc.decode()
    assert secret.get("/healthz", headers={"Origin": f"http://{host}"}).status_code == 200
    for origin in ("http://evil.example", "null", f"http://{host}1"):
        assert secret.get("/healthz", headers={"Origin": origin}).status_code == 403


OPEN = ["/", "/docs", "/openapi.json", "/static/main.js", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]
CLOSED = ["/v1/model", "/metrics", "/v2", "/v2/models/digits", "/v1/feedback", "/nothing"]


def test_security_token_for_all_but_page_and_health(secret):
    for path in OPEN:
        assert secret.get(path).status_code == 200, path
    for path in CLOSED:
        answer = secret.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert secret.post("/v1/predict", content=bytes(784)).status_code == 401


@pytest.mark.parametrize("sent", ["Bearer s3cre", "Bearer s3cret1", "s3cret", "Basic s3cret", "Bearer \xe9"])
def test_security_refuses_wrong_token(secret, sent):
    assert secret.get("/v1/model", headers={"Authorization": sent.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_security_accepts_right_token(secret, scheme):
    answer = secret.get("/v1/model", headers={"Authorization": f"{scheme} s3cret"})
    assert answer.status_code == 200


def test_corrections_need_a_token(client):
    answer = client.get("/v1/feedback")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_token")


def test_responses_have_security_headers(client):
    for path in ("/", "/healthz", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_fast_paths_have_security_headers(client):
    for answer in (client.post("/v1/predict"), client.post("/v1/predict", json={"images": [[[0] * 28] * 28]})):
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_is_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "example.org")] == [False] * 4


def ask(security, host):
    security.check({"path": "/healthz", "headers": [(b"host", host.encode())]})


def test_security_accepts_many_addresses():
    security = Security([], None)
    for number in range(3000):
        ask(security, f"10.0.{number // 256}.{number % 256}:8000")
        ask(security, f"[fe80::{number:x}%eth0]:8000")


def test_security_does_not_store_hosts():
    security = Security([], None)
    tracemalloc.start()
    for number in range(200):
        for host in (f"[fe80::1%{number:030000}]", f"[::{number:030000}]", f"{number:030000}"):
            with contextlib.suppress(APIError):
                ask(security, host)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000


@pytest.fixture(scope="module")
def open_to_vite(model_file):
    with serving(Settings(model_file, origins=("http://localhost:5173",))) as client:
        yield client


def test_allowed_origin_gets_preflights_and_responses(open_to_vite):
    origin = {"Origin": "http://localhost:5173"}
    preflight = open_to_vite.options("/v1/read", headers=origin | {"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:5173"
    for response in (open_to_vite.get("/v1/model", headers=origin), open_to_vite.post("/v1/predict", headers=origin)):
        assert response.headers["access-control-allow-origin"] == "http://localhost:5173"


def test_other_origins_stay_forbidden(open_to_vite):
    response = open_to_vite.get("/v1/model", headers={"Origin": "http://evil.example"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden_origin")
    assert "access-control-allow-origin" not in response.headers


def test_refused_origin_is_logged_once_with_the_option(client, caplog):
    for _ in range(3):
        assert client.get("/v1/model", headers={"Origin": "http://localhost:3000"}).status_code == 403
    (record,) = [record for record in caplog.records if "localhost:3000" in record.getMessage()]
    assert "--allowed-origin http://localhost:3000" in record.getMessage()


def test_refused_preflight_is_logged(open_to_vite, caplog):
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert open_to_vite.options("/v1/read", headers=headers).status_code == 400
    assert "--allowed-origin http://localhost:3000" in caplog.text
