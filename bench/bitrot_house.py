"""Alter single bytes of a house's registry, and kill its upgrades, and look for a right that nobody gave.

    python -m bench.bitrot_house --flips 500 --seed 7

A house is made with spaces, principals, grants, quotas, a policy and a dropped space. Then, each time in a fresh copy,
one byte that is in use of a page of `house.db` is altered, and everything is asked of it: who may do what in which
space, the names of spaces, quotas, policies, the audit. Each answer must be the same, or an error of ours, or lack
something; none may give somebody a right that was not granted, or a space another name or quota, even where ``check()``
would tell. Where an entry of the audit or a policy differs, ``check()`` must tell, or the house not open.

A registry of each earlier schema is then opened by a process that is killed before every statement in turn; the house
must open afterwards and hold every space and grant that it held.

The exit code is 1 when one of these is broken. ``--plant`` breaks the promise on purpose, to see that this notices.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import apsw

from bench.bitrot import _used
from bench.campaign import begin, end, options, replaced
from bench.upgrades import _killing
from holdfast.adapters.sqlite import registry
from holdfast.core.names import name_key
from holdfast.errors import HoldfastError
from holdfast.house import Holdfast
from holdfast.model.access import Quota
from holdfast.model.policy import Keep, Policy, Retention

PLANTS = ("no-sums", "owner-by-mark", "no-transaction")
"""Rows are not held against their sums; who is marked as the owner is it; an upgrade is no transaction."""
PEOPLE = ("ann", "bob", "cem", "dora")
SPACES = ("acme", "Lisbon notes", "garden", "Archive 2024")
RIGHTS = ("read", "write", "admin")

Answers = dict[str, Any]


def filled(folder: Path, seed: int) -> None:
    """Make the house, and leave the registry as one file."""
    chance = random.Random(seed)
    with Holdfast.open(folder, create=True) as house:
        for name in (*SPACES, "dropped"):
            house.create(name)
            house.limit(name, Quota(memories=chance.randint(10, 99)))
            for person in chance.sample(PEOPLE, 2):
                house.grant(person, name, chance.choice(RIGHTS))
        house.restrict(SPACES[0], Policy(retentions={"place": Retention(Keep.FOR_A_WHILE, 86_400_000)}))
        house.drop("dropped", confirm=house.preview_drop("dropped").token)


def answers(house: Holdfast) -> Answers:
    """Everything that is asked of the house; an error stands for its answer."""
    asked: dict[str, Callable[[], Any]] = {}
    for name in SPACES:
        asked[f"grants {name}"] = lambda name=name: [(one.principal, one.right) for one in house.grants(name)]
        for person in PEOPLE:
            asked[f"seen {person}"] = lambda person=person: [(one.name, one.right) for one in house.spaces(as_=person)]
            asked[f"rights {person} {name}"] = lambda person=person, name=name: _rights(house, person, name)
    asked["spaces"] = lambda: [(one.name, one.quota) for one in house.spaces()]
    asked["policies"] = lambda: [(one.name, one.policy) for one in house.spaces()]
    asked["audit"] = lambda: house.audit()
    found: Answers = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except HoldfastError as error:
            found[name] = error
    return found


def _rights(house: Holdfast, person: str, name: str) -> tuple[str, ...]:
    """What somebody can do in a space: asked of the registry as each verb asks it."""
    with house._sharing._registry.viewing() as view:  # pyright: ignore[reportPrivateUsage]
        standing = view.standing(name_key(name), person)
    if standing.space is None or standing.space.name != name:
        return ()
    return ("administers",) * standing.administers + ((standing.right.name,) if standing.right else ())


def judge(folder: Path, sound: Answers) -> tuple[list[str], bool]:
    """Ask an altered house; gives what is wrong, and whether anything was told."""
    wrong = list[str]()
    try:
        with Holdfast.open(folder) as house:
            found = answers(house)
            differing = {name: value for name, value in found.items() if not _same(value, sound[name])}
            for name, value in differing.items():
                is_told = isinstance(value, HoldfastError) or name in (
                    "audit",
                    "policies",
                )  # along whose chain `check` goes
                if not is_told and not _lacks(value, sound[name]):
                    wrong.append(f"{name} answers {value!r:.120} instead of {sound[name]!r:.120}")
            try:
                problems = house.check()
            except HoldfastError as error:
                problems = [str(error)]
            if any(not isinstance(value, HoldfastError) for value in differing.values()) and not problems:
                wrong.append(f"check() finds nothing, and answers differ, as {next(iter(differing))}")
            return wrong, bool(problems or differing)
    except HoldfastError:
        return wrong, True
    except Exception as error:  # noqa: BLE001 - whatever is not ours must not come out, and is reported
        return [f"{type(error).__name__} came out: {error}"], True


def _same(value: Any, sound: Any) -> bool:
    if isinstance(value, HoldfastError) or isinstance(sound, HoldfastError):
        return type(value) is type(sound)
    return value == sound


def _lacks(value: Any, sound: Any) -> bool:
    """Whether an answer is the sound one with something missing."""
    if isinstance(sound, HoldfastError):
        return False
    left = list(sound)
    with suppress(ValueError):
        for one in value:
            left.remove(one)
        return True
    return False


def flips(folder: Path, count: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Alter so many bytes; what was broken, in words, and what came of them."""
    made, broken, tally = folder / "made", list[str](), Counter[str]()
    filled(made, seed)
    with Holdfast.open(made) as house:
        sound = answers(house)
    content = (made / "house.db").read_bytes()
    size = int.from_bytes(content[16:18], "big")
    used = _pages(made / "house.db")
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        altered, page = bytearray(content), chance.choice(used)
        start = (page - 1) * size
        at = chance.choice(_used(altered, start, start + (100 if page == 1 else 0), size))
        mask = 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randint(1, 255)
        altered[at] ^= mask
        copy = folder / "copy"
        shutil.copytree(made, copy)
        (copy / "house.db").write_bytes(altered)
        wrong, is_told = judge(copy, sound)
        tally["told" if is_told else "without a trace"] += 1
        broken += [f"flip {seed}/{number}, page {page}, byte {at - start}, xor {mask:#04x}: {line}" for line in wrong]
        shutil.rmtree(copy)
    # One bit more, in a place that is too rare to be met: everybody is marked as the owner is.
    copy = folder / "copy"
    shutil.copytree(made, copy)
    connection = apsw.Connection(str(copy / "house.db"))
    connection.execute("UPDATE principal SET administers = 1").fetchall()
    connection.close()
    broken += [f"everybody marked as the owner: {line}" for line in judge(copy, sound)[0]]
    shutil.rmtree(copy)
    return broken, tally


def _pages(path: Path) -> list[int]:
    """Numbers of the pages in use, those of short tables as often as those of long ones."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = [page for (page,) in connection.execute("SELECT pageno FROM dbstat")]
    connection.close()
    return found


def kills(folder: Path, seed: int, plant: str | None, every: int = 1) -> tuple[list[str], int]:
    """Kill the upgrade of every earlier schema before each, or every so many, of its statements.

    Returns what was broken, in words, and how many were killed.
    """
    broken, count = list[str](), 0
    newest = len(registry.registry_migrations())
    made = folder / "new"
    filled(made, seed)
    with Holdfast.open(made) as house:
        sound = answers(house)
    for schema in range(1, newest):
        old = folder / f"schema-{schema}"
        shutil.copytree(made, old)
        downgraded(old / "house.db", schema)
        expected = {name: value for name, value in sound.items() if schema > 1 or name != "policies"}
        copy = folder / "copy"
        place = statements = 0
        while place <= statements and not (plant and broken):
            shutil.copytree(old, copy)
            statements = max(statements, _opened(copy, place or None, plant))
            count += bool(place)
            try:
                with Holdfast.open(copy) as house:
                    found = answers(house)
                    lost = [name for name, value in expected.items() if not _same(found[name], value)]
                    broken += [f"schema {schema}, killed at statement {place}: {name} differs" for name in lost]
                    problems = house.check() if schema > 1 else []
                    broken += [f"schema {schema}, killed at statement {place}: {line}" for line in problems]
            except HoldfastError as error:
                broken.append(f"schema {schema}, killed at statement {place}: {error}")
            shutil.rmtree(copy)
            place += every
    return broken, count


def downgraded(path: Path, schema: int) -> None:
    """Put what a registry holds into tables of an earlier schema."""
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN").fetchall()
    tables = ("principal", "space", "grant", "tombstone", "audit")
    for table in tables:
        connection.execute(f'ALTER TABLE "{table}" RENAME TO "new_{table}"').fetchall()
    connection.execute("DROP INDEX grant_principal").fetchall()
    for sql in registry.registry_migrations()[:schema]:
        connection.execute(sql).fetchall()
    for table in tables:
        columns = ", ".join(row[1] for row in connection.execute(f'PRAGMA table_info("{table}")').fetchall())
        connection.execute(f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "new_{table}"').fetchall()
        connection.execute(f'DROP TABLE "new_{table}"').fetchall()
    connection.execute(f"PRAGMA user_version={schema}").fetchall()
    connection.execute("COMMIT").fetchall()
    connection.close()


def _opened(folder: Path, die_at: int | None, plant: str | None) -> int:
    """Open a house in a process that kills itself before a statement; gives how many it came to."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            apsw.connection_hooks.append(_killing(theirs, die_at))
            if plant == "no-transaction":
                _plant_no_transaction(registry)
            registry.SqliteRegistry(str(folder / "house.db")).close()
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        count = len(pipe.read())
    os.waitpid(process, 0)
    return count


def _plant_no_transaction(module: Any) -> None:
    sound = module._migrate

    def migrate(connection: Any, path: str) -> None:
        sound(_Bare(connection), path)

    module._migrate = migrate


class _Bare:
    """A connection that begins no transactions."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, *values: Any) -> Any:
        if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            sql = "SELECT 1"
        return self._connection.execute(sql, *values)


def planted(plant: str | None) -> Any:
    """A fault for the time of a ``with``."""
    if plant == "no-sums":
        return replaced(registry, "_sum", lambda *_: _Any())
    if plant == "owner-by-mark":
        return replaced(registry, "_administers", lambda _name, administers: bool(administers))
    return nullcontext()


class _Any(int):
    """A number that is every other."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("bitrot_house", __doc__, PLANTS)
    parser.add_argument("--flips", type=int, default=500)
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    with planted(given.plant):
        broken, tally = flips(folder, given.flips, seed)
        lost, killed = kills(folder, seed, given.plant)
    print(f"flips {given.flips}  {dict(tally)}  kills {killed}  wrong {len(broken) + len(lost)}  seed {seed}")
    return end(given, folder, broken + lost)


if __name__ == "__main__":
    sys.exit(main())
