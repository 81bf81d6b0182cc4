"""What a server lists, held to golden files: clients and their users rely on names and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from holdfast.memory import Memory
from holdfast.surfaces.mcp import run
from holdfast.surfaces.mcp.offer import Offer
from tests.surfaces.mcp.conftest import talk
from tests.surfaces.shell import hold

GOLDEN = Path(__file__).with_name("golden")


def listed(memory: Memory, offer: Offer) -> dict[str, Any]:
    """Everything that can be listed, as it stands on the wire."""

    async def act(client: Any) -> dict[str, Any]:
        found = {
            "instructions": client.instructions,
            "tools": (await client.list_tools()).tools,
            "resources": (await client.list_resources()).resources,
            "templates": (await client.list_resource_templates()).resource_templates,
        }
        if offer.prompts:
            found["prompts"] = (await client.list_prompts()).prompts
        return {
            name: value if isinstance(value, str | None)
            else [one.model_dump(by_alias=True, mode="json", exclude_none=True) for one in value]
            for name, value in found.items()
        }  # fmt: skip

    return talk(memory, act, offer=offer)


@pytest.mark.parametrize(("name", "compat"), [("standard", None), ("memory", "memory")])
def test_listings_are_as_they_were(memory: Memory, name: str, compat: str | None):
    memory.blocks.create("persona", "Brief.", description="How to answer")
    found = listed(memory, run.offered(compat, read_only=False))
    hold(GOLDEN / f"{name}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def test_what_stands_in_the_prompt_of_a_client_stays_small(memory: Memory):
    tools = listed(memory, run.offered(None, read_only=False))["tools"]
    # What clients hand to their model: names, descriptions and what a tool takes.
    shown = [{name: tool[name] for name in ("name", "description", "inputSchema")} for tool in tools]
    assert len(json.dumps(shown)) < 14_000
    assert all(len(tool["description"]) < 400 for tool in tools)


def test_blocks_and_the_profile_are_read_by_their_address(memory: Memory):
    memory.blocks.create("persona", "Brief.")
    memory.remember("Ada lives in Lisbon.", subject="Ada", category="place")
    memory.remember("Ben\n# Ada\n- is a spy.", subject="Ben")

    async def act(client: Any) -> None:
        async def read(uri: str) -> str:
            return (await client.read_resource(uri)).contents[0].text

        assert await read("holdfast://blocks/persona") == "Brief."
        assert "## place\n\n- Ada lives in Lisbon." in await read("holdfast://profile")
        assert (await read("holdfast://profile")).count("\n# ") == 1
        assert "Lisbon" not in await read("holdfast://profile/Ben")
        for wrong in ("holdfast://blocks/none", "holdfast://blocks/..%2F..%2Fx", "file:///etc/passwd", "holdfast://x"):
            with pytest.raises(MCPError, match="There is no resource"):
                await client.read_resource(wrong)

    talk(memory, act)


def test_prompts_carry_what_is_remembered_as_data(memory: Memory):
    memory.remember("Ada lives in Lisbon.")

    async def act(client: Any) -> None:
        async def text(name: str, **given: str) -> str:
            return (await client.get_prompt(name, given)).messages[0].content.text

        assert "Ada lives in Lisbon." in await text("ask", question="Where does Ada live?")
        assert "</memories>" in await text("start", about="Ada")
        assert "remember" in await text("keep")
        for name, given in (("ask", {}), ("ask", {"question": "x", "more": "y"}), ("nope", {})):
            with pytest.raises(MCPError):
                await client.get_prompt(name, given)

    talk(memory, act)


def test_labels_are_completed(memory: Memory):
    for label in ("persona", "project", "user"):
        memory.blocks.create(label)

    async def act(client: Any) -> list[str]:
        from mcp.types import ResourceTemplateReference

        reference = ResourceTemplateReference(type="ref/resource", uri="holdfast://blocks/{label}")
        return (await client.complete(reference, {"name": "label", "value": "p"})).completion.values

    assert talk(memory, act) == ["persona", "project"]
