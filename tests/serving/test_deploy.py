"""The Dockerfile, compose.yaml and the Kubernetes manifest, checked without a container engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tenfold.serving.server import DRAIN_SECONDS, SETTLE_SECONDS, STOP_SECONDS
from tenfold.serving.settings import Limits

ROOT = Path(__file__).parents[2]
HADOLINT = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions():
    lines = re.sub(r"\\\n\s*", "", "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#")))
    return [tuple(line.split(maxsplit=1)) for line in lines.splitlines() if line.strip()]


def of_last_stage(name):
    last = max(index for index, (word, _) in enumerate(instructions()) if word == "FROM")
    return [rest for word, rest in instructions()[last:] if word == name]


def test_docker_image_is_slim_unprivileged_and_has_a_health_check():
    assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["python:3.12-slim"] * 2
    assert of_last_stage("USER") == ["10001"]
    assert len(of_last_stage("HEALTHCHECK")) == 1
    assert "torch" not in "".join(rest for _, rest in instructions())
    assert "'.[serve]'" in "".join(rest for word, rest in instructions() if word == "RUN")


def test_docker_copies_existing_files():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists()
                assert name in kept


def test_docker_runs_an_existing_command(run_serve):
    command = json.loads(of_last_stage("ENTRYPOINT")[0])
    assert command[:2] == ["tenfold", "serve"]
    code, message = run_serve(command[2:])  # without a token
    assert code == 2
    assert "can be reached by others" in message


@pytest.fixture
def run_serve(monkeypatch, capsys):
    from tenfold.cli.app import main

    def run(arguments):
        monkeypatch.setattr("sys.argv", ["tenfold", "serve", *arguments])
        monkeypatch.delenv("TENFOLD_TOKEN", raising=False)
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, " ".join(capsys.readouterr().err.split())

    return run


def test_docker_health_check_requests_readiness():
    command = json.loads(of_last_stage("HEALTHCHECK")[0].partition("CMD")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "health", "exec")
    assert "/readyz" in command[2]


def test_compose_drops_privileges():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    tenfold = services["tenfold"]
    assert tenfold["read_only"] is True
    assert tenfold["cap_drop"] == ["ALL"]
    assert ":?" in tenfold["environment"]["TENFOLD_TOKEN"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    scrape = yaml.safe_load(yaml.safe_load((ROOT / "compose.yaml").read_text())["configs"]["prometheus"]["content"])
    (target,) = scrape["scrape_configs"][0]["static_configs"][0]["targets"]
    assert target == "tenfold:8000"
    assert tenfold["command"] == ["--allowed-host", target.partition(":")[0]]  # other names are turned away


def test_kubernetes_probes_limits_and_privileges():
    deployment, service = yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "startupProbe")} == {"/readyz"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(of_last_stage("USER")[0])
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    longest = DRAIN_SECONDS + SETTLE_SECONDS + Limits().seconds + STOP_SECONDS
    name = service["metadata"]["name"]
    inside = [f"{name}{rest}" for rest in ("", ".default", ".default.svc", ".default.svc.cluster.local")]
    assert [
        given.removeprefix("--allowed-host=") for given in container["args"] if given.startswith("--allowed-host=")
    ] == inside
    assert pod["terminationGracePeriodSeconds"] > 5 + longest  # preStop, and the longest that ending may take


@pytest.mark.skipif(not HADOLINT, reason="hadolint is not installed")
def test_hadolint_accepts_the_dockerfile():
    ran = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
