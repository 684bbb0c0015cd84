import re

from tenfold.serving.settings import Settings
from tests.serving.serving_help import ONE, serving


def figure(client, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_requests_digits_and_errors(model_file, digits):
    images, _ = digits
    with serving(Settings(model_file, port=0)) as client:
        octets = {"Content-Type": "application/octet-stream"}
        answer = client.post("/v1/predict", content=images[:20].tobytes(), headers=octets).json()
        client.post("/v1/predict", content=b"", headers=octets)
        client.get("/some/name/that/a/client/made/up")
        client.post("/v1/read?expect=digit", content=ONE, headers={"Content-Type": "image/png"})
        client.post("/v1/read", content=_blank(), headers={"Content-Type": "image/png"})
        text = client.get("/metrics").text
        assert client.get("/metrics").headers["content-type"].startswith("text/plain")
        read = [answer["digits"].count(digit) for digit in range(10)]
        counted = [figure(client, f'tenfold_digits_total{{digit="{digit}"}}') for digit in range(10)]
        assert sum(counted) == sum(read) + 1
        assert all(there >= here for there, here in zip(counted, read, strict=True))
        assert figure(client, "tenfold_confidence_count") == 21
        assert figure(client, "tenfold_no_digit_total") == 1
        assert figure(client, 'tenfold_requests_total{route="/v1/predict",status="200"}') == 1
        assert figure(client, 'tenfold_requests_total{route="/v1/predict",status="422"}') == 1
        assert figure(client, 'tenfold_errors_total{code="invalid"}') == 1
        assert figure(client, 'tenfold_request_seconds_count{route="/v1/read"}') == 2
        assert "made" not in text


def _blank():
    import numpy as np

    from tests.serving.serving_help import png

    return png(np.full((80, 80), 255, np.uint8))
