import contextlib
import tracemalloc

import pytest

from tenfold.serving.errors import Refused
from tenfold.serving.security import Guard
from tenfold.serving.settings import Settings, is_loopback
from tests.serving.serving_help import serving


@pytest.fixture(scope="module")
def secret(model_file):
    with serving(Settings(model_file, port=0, token="s3cret", hosts=("digits.example.org",))) as client:
        yield client


OWN = ["localhost", "LocalHost:1", "127.0.0.1:8000", "[::1]:80", "10.1.2.3", "digits.example.org"]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[", "1.2.3"]


@pytest.mark.parametrize("host", OWN)
def test_its_own_names_and_any_address_are_right(secret, host):
    assert secret.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names_are_not(secret, host):
    answer = secret.get("/healthz", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_host")


def test_no_name_is_foreign_too_even_to_a_server_that_was_never_asked_but_for_its_health():
    for headers in ([], [(b"host", b"")]):
        with pytest.raises(Refused, match="not known by that name"):
            Guard([], None).check({"type": "http", "path": "/v1/model", "headers": headers})
        Guard([], "token").check({"type": "http", "path": "/healthz", "headers": headers})


def test_a_name_that_was_right_makes_no_other_right():
    guard = Guard([], None)
    guard.check({"type": "http", "path": "/healthz", "headers": [(b"host", b"localhost")]})
    with pytest.raises(Refused, match="not known by that name"):
        guard.check({"type": "http", "path": "/healthz", "headers": [(b"host", b"evil.example")]})


def test_only_its_own_page_may_ask_from_a_browser(secret):
    host = secret.base_url.netloc.decode()
    assert secret.get("/healthz", headers={"Origin": f"http://{host}"}).status_code == 200
    for origin in ("http://evil.example", "null", f"http://{host}1"):
        assert secret.get("/healthz", headers={"Origin": origin}).status_code == 403


OPEN = ["/", "/docs", "/openapi.json", "/static/main.js", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]
CLOSED = ["/v1/model", "/metrics", "/v2", "/v2/models/digits", "/v1/feedback", "/nothing"]


def test_the_page_and_health_need_no_token_and_all_else_does(secret):
    for path in OPEN:
        assert secret.get(path).status_code == 200, path
    for path in CLOSED:
        answer = secret.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert secret.post("/v1/predict", content=bytes(784)).status_code == 401


@pytest.mark.parametrize("sent", ["Bearer s3cre", "Bearer s3cret1", "s3cret", "Basic s3cret", "Bearer \xe9"])
def test_a_wrong_token_is_as_good_as_none(secret, sent):
    assert secret.get("/v1/model", headers={"Authorization": sent.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_the_right_token_opens(secret, scheme):
    answer = secret.get("/v1/model", headers={"Authorization": f"{scheme} s3cret"})
    assert answer.status_code == 200


def test_corrections_are_never_told_without_a_token(client):
    answer = client.get("/v1/feedback")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_token")


def test_answers_carry_the_headers_that_keep_browsers_strict(client):
    for path in ("/", "/healthz", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_answers_of_the_hot_paths_are_no_pages_and_for_nobody_else(client):
    for answer in (client.post("/v1/predict"), client.post("/v1/predict", json={"images": [[[0] * 28] * 28]})):
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_loopback_is_known():
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "example.org")] == [False] * 4


def ask(guard, host):
    guard.check({"path": "/healthz", "headers": [(b"host", host.encode())]})


def test_every_address_is_right_however_many_there_were():
    guard = Guard([], None)
    for number in range(3000):
        ask(guard, f"10.0.{number // 256}.{number % 256}:8000")
        ask(guard, f"[fe80::{number:x}%eth0]:8000")


def test_names_that_clients_make_up_are_not_remembered():
    guard = Guard([], None)
    tracemalloc.start()
    for number in range(200):
        for host in (f"[fe80::1%{number:030000}]", f"[::{number:030000}]", f"{number:030000}"):
            with contextlib.suppress(Refused):
                ask(guard, host)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000
