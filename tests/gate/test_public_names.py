"""The public surface: held to a snapshot, the same in both facades, cheap to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import holdfast
from holdfast import AsyncMemory, AsyncSession, Memory, Session
from holdfast.agent_tools import AgentTools
from holdfast.agent_tools_aio import AsyncAgentTools
from holdfast.blocks import Blocks
from holdfast.blocks_aio import AsyncBlocks
from holdfast.files import Files
from holdfast.files_aio import AsyncFiles
from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.groups_aio import AsyncAdmission, AsyncExpectations, AsyncRecalls, AsyncStorage
from holdfast.intentions import Intentions
from holdfast.intentions_aio import AsyncIntentions
from holdfast.procedures import Procedures
from holdfast.procedures_aio import AsyncProcedures
from holdfast.session_aio import AsyncEpisodes, AsyncScratch, AsyncSessions, AsyncTiers
from holdfast.session_groups import Episodes, Scratch, Sessions, Tiers

GROUPS = {
    AgentTools: AsyncAgentTools,
    Admission: AsyncAdmission,
    Storage: AsyncStorage,
    Recalls: AsyncRecalls,
    Expectations: AsyncExpectations,
    Blocks: AsyncBlocks,
    Files: AsyncFiles,
    Intentions: AsyncIntentions,
    Procedures: AsyncProcedures,
    Sessions: AsyncSessions,
    Episodes: AsyncEpisodes,
    Scratch: AsyncScratch,
    Tiers: AsyncTiers,
}
SNAPSHOT = Path(__file__).with_name("public_names.txt")


def surface() -> str:
    lines = []
    named = {name: getattr(holdfast, name) for name in holdfast.__all__} | {kind.__name__: kind for kind in GROUPS}
    for name, value in named.items():
        lines.append(name)
        if inspect.isclass(value):
            for member, thing in sorted(vars(value).items()):
                if member.startswith("_"):
                    continue
                thing = getattr(thing, "__func__", thing)
                shape = str(inspect.signature(thing)) if inspect.isfunction(thing) else ""
                lines.append(f"    {member}{shape}")
    return "\n".join(lines) + "\n"


def test_the_public_names_are_those_of_the_snapshot():
    assert surface() == SNAPSHOT.read_text("utf-8"), (
        f"run: python {Path(__file__).name} > {SNAPSHOT.name}, and say it in the CHANGELOG"
    )


def test_the_public_names_are_sorted_and_all_there():
    assert holdfast.__all__ == sorted(holdfast.__all__, key=lambda name: (name.startswith("_"), name)) or sorted(
        holdfast.__all__
    ) == sorted(dir(holdfast))
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None


def shapes(facade: type) -> dict[str, tuple]:
    found = {}
    for name, member in vars(facade).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            found[name] = ("property",)
            continue
        function = getattr(member, "__func__", member)
        parameters = inspect.signature(function).parameters.values()
        found[name] = tuple((p.name, p.kind, p.default, p.annotation) for p in parameters)
    return found


def test_the_async_facade_has_the_same_calls():
    assert shapes(AsyncMemory) == shapes(Memory)
    assert shapes(AsyncSession) == shapes(Session)
    for group, twin in GROUPS.items():
        assert shapes(twin) == shapes(group)


def test_importing_holdfast_loads_nothing_heavy():
    code = (
        "import sys, holdfast; print([m for m in ('numpy', 'apsw', 'onnxruntime', 'tokenizers', 'rich', 'click') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


if __name__ == "__main__":
    sys.stdout.write(surface())
