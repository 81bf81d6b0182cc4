"""What others run is consistent: the workflow, the image and the compose file name things that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github/workflows/ci.yml"
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")


def jobs() -> dict[str, Any]:
    return yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]


def test_the_workflow_tests_the_three_systems_and_the_wheels_on_each():
    systems = {"ubuntu-latest", "macos-latest", "windows-latest"}
    for job in ("test", "wheels"):
        assert set(jobs()[job]["strategy"]["matrix"]["os"]) == systems
        assert jobs()[job]["runs-on"] == "${{ matrix.os }}"


def test_the_workflow_runs_only_what_is_there():
    said = "\n".join(str(step.get("run", "")) for job in jobs().values() for step in job["steps"])
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", said)) <= targets
    modules = re.findall(r"python -m (bench\.\w+)", said)
    assert len(modules) == 2
    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").exists()] == []
    assert all(job["timeout-minutes"] for job in jobs().values())


def test_the_workflow_may_only_read():
    assert yaml.safe_load(WORKFLOW.read_text("utf-8"))["permissions"] == {"contents": "read"}


def test_the_image_runs_as_nobody_in_particular_and_takes_the_wheels_alone():
    last = IMAGE.split("\nFROM ")[-1]
    assert re.search(r"^USER (?!root)\w+$", last, re.MULTILINE)
    assert re.findall(r"^COPY (?!--from)(\S+)", IMAGE, re.MULTILINE) == ["dist/*.whl"]
    assert 'ENTRYPOINT ["holdfast"]' in last


def test_the_compose_file_publishes_the_port_of_the_image_on_this_machine_alone():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["holdfast"]
    port = re.findall(r"^EXPOSE (\d+)$", IMAGE, re.MULTILINE)[0]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f'"0.0.0.0:{port}"' in IMAGE
    assert "?" in service["environment"]["HOLDFAST_MCP_TOKEN"], "without a token it must not start"


def test_both_distributions_have_one_number():
    numbers = {
        re.findall(r'^version = "(.+)"$', (ROOT / folder / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]
        for folder in (".", "packages/holdfast-minilm")
    }
    assert len(numbers) == 1
    assert f"holdfast-minilm=={numbers.pop()}" in (ROOT / "pyproject.toml").read_text("utf-8")
