"""Points about the machine, the configuration and the model."""

from __future__ import annotations

from holdfast.core.diagnosis.telling import note, ok, problem, warning, without
from holdfast.model.diagnosis import Facts, Told

TESTED_PYTHON = (3, 13)
OLDEST_SQLITE = (3, 51, 3)
"""Before it a write-ahead log that is reset at the wrong moment can damage the file."""
FEW_FILES = 256
"""A space takes up to seven open files, and a house keeps 32 spaces open."""
EARLIEST_MS = 1_735_689_600_000
"""2025-01-01: a clock that shows less was never set."""
SLOW_MODEL_MS = 250.0

_AGAIN = "Install Holdfast again: pip install holdfast"
_NO_MODEL = "there is no model"


def python(facts: Facts) -> Told:
    if facts.machine.python > TESTED_PYTHON:
        return note(
            facts.machine.words, "It is newer than what Holdfast is tested with; should something fail, use 3.13."
        )
    return ok(facts.machine.words)


def sqlite(facts: Facts) -> Told:
    machine = facts.machine
    if machine.sqlite is None:
        return problem(f"apsw cannot be imported ({machine.sqlite_error})", _AGAIN)
    told = f"SQLite {'.'.join(map(str, machine.sqlite))} through apsw {machine.apsw}"
    if machine.sqlite < OLDEST_SQLITE:
        return problem(told, "Upgrade apsw: pip install --upgrade apsw")
    return ok(told)


def sqlite_build(facts: Facts) -> Told:
    if facts.machine.sqlite is None:
        return without("there is no SQLite")
    if not facts.machine.threadsafe:
        return problem("built without locks between threads", "Install the apsw of the package index.")
    return ok("safe to use from several threads")


def preloaded(facts: Facts) -> Told:
    named = facts.machine.preloaded
    if any(word in named.lower() for word in ("eatmydata", "nosync", "libnofsync")):
        return warning(
            f"{named} is loaded before everything else, and makes syncs do nothing",
            "Start Holdfast without it (LD_PRELOAD): a power cut may take what was acknowledged.",
        )
    return ok("nothing that takes the syncs away" if named else "none")


def open_files(facts: Facts) -> Told:
    most = facts.machine.open_files
    if most is None:
        return ok("no bound is known")
    if most < FEW_FILES:
        return note(f"at most {most:,} at once", "For a house with many spaces in use raise it: ulimit -n 1024")
    return ok(f"at most {most:,} at once")


def clock(facts: Facts) -> Told:
    if facts.now_ms < EARLIEST_MS:
        return problem("the clock was never set", "Set it: times of what is remembered are taken from it.")
    return ok("set")


def settings(facts: Facts) -> Told:
    seen = facts.configuration
    told = "; ".join(f"{key} = {value} ({by})" for key, (value, by) in seen.values.items())
    if seen.broken:
        return problem(
            f"{seen.broken} Without configuration files: {told}",
            "Mend or remove that file: until then every other command refuses to start.",
        )
    return ok(f"{', '.join(seen.files) or 'no configuration file'}; {told}")


def folder_settings(facts: Facts) -> Told:
    if facts.configuration.from_folder is None:
        return ok("no configuration file in the working folder")
    return note(
        f"{facts.configuration.from_folder} is in force, since it lies in the working folder",
        "If the folder came from somebody else, read it: it says which space is used.",
    )


def loose_settings(facts: Facts) -> Told:
    loose = facts.configuration.loose
    if not facts.configuration.files:
        return without("no configuration file")
    if loose:
        return warning(f"others on this machine may write {', '.join(loose)}", f"chmod go-w {' '.join(loose)}")
    return ok("nobody else may write them")


def variables(facts: Facts) -> Told:
    unknown = facts.configuration.unknown
    if unknown:
        return warning(
            f"{', '.join(unknown)}: nothing of that name is read", "Look for a misspelt name in docs/reference/cli.md."
        )
    return ok("each that begins with HOLDFAST_ means something")


def key_variable(facts: Facts) -> Told:
    if facts.configuration.key_in_variable:
        return note(
            "HOLDFAST_KEY holds an encryption key, which your other programs can read",
            "Keep keys in a keyring, a file of your own: --keyring FILE or HOLDFAST_KEYRING.",
        )
    return ok("none in the environment")


def keyring(facts: Facts) -> Told:
    seen = facts.configuration.keyring
    if seen is None:
        return without("no keyring is named")
    if seen.wrong:
        return problem(seen.wrong, "Without it no encrypted space opens: mend it, or bring it back from your own copy.")
    return ok(f"{seen.path}, {seen.keys:,} {'key' if seen.keys == 1 else 'keys'}; keep a copy of it apart")


def keyring_place(facts: Facts) -> Told:
    seen = facts.configuration.keyring
    if seen is None:
        return without("no keyring is named")
    if seen.beside:
        return warning(
            f"{seen.path} lies beside what it opens",
            "Move it elsewhere: whoever copies the folder has the keys with the data, and backups keep destroyed keys.",
        )
    return ok("apart from what it opens")


def counting(facts: Facts) -> Told:
    if not facts.configuration.touches:
        return note(
            "who reads what is not counted (touches = false)", "history, why and stats cannot name readers; as set."
        )
    return ok("who reads what is counted, in the space alone")


def leaves(facts: Facts) -> Told:
    host = facts.configuration.sends_to
    if host is None:
        return ok("no text leaves this machine")
    return note(
        f"every text and every question is sent to {host} to be embedded",
        "For a model on this machine: pip install holdfast-minilm, and --embedder auto.",
    )


def connection(facts: Facts) -> Told:
    if facts.configuration.sends_to is None:
        return without("no text leaves this machine")
    if facts.configuration.sends_openly:
        return warning(
            f"texts go to {facts.configuration.sends_to} without encryption", "Name it with https:// in --embedder."
        )
    return ok("encrypted, or this machine itself")


def hooks(facts: Facts) -> Told:
    seen = facts.hooks
    if seen is None:
        return without("no coding agent ever called a hook")
    if not seen.failing:
        return ok("the last one went well")
    where, event, why, times = seen.failing[0]
    more = f"; {len(seen.failing) - 1:,} more" if len(seen.failing) > 1 else ""
    return warning(
        f"{event} came to nothing at {where}{'' if times == 1 else f', {times:,} times'}: {why}{more}",
        "Agents go on without memory until that is mended; this goes away with the next hook that works there.",
    )


def model(facts: Facts) -> Told:
    seen = facts.model
    if seen.failed is not None:
        return problem(f"{seen.wanted} gives no vectors", "What it failed with is told by the point `model works`.")
    if seen.missing is None:
        return ok(f"{seen.fingerprint or seen.wanted}, {seen.dimensions} dimensions")
    if seen.wanted.lower() == "none":
        return note("switched off: recall is by words only", "holdfast --embedder auto uses the model that is there.")
    if seen.wanted == "auto":
        return warning(seen.missing, "pip install holdfast-minilm, or name one with --embedder")
    return problem(seen.missing, "Name another with --embedder, or none for recall by words only.")


def model_works(facts: Facts) -> Told:
    seen = facts.model
    if seen.missing is not None:
        return without(_NO_MODEL)
    if seen.failed is not None:
        return problem(seen.failed, "Mend or replace it, or use --embedder none for recall by words only.")
    summary = None if facts.space is None else facts.space.summary
    if summary is not None and summary.breaker not in (None, "closed"):
        return problem(
            f"it failed again and again and is left alone: {summary.model_failure}",
            "It is tried again by itself every 30 s; see whether it runs and can be reached.",
        )
    return ok(f"loaded and asked in {seen.took_ms[0]:.0f} ms")


def model_speed(facts: Facts) -> Told:
    seen = facts.model
    if seen.missing is not None or seen.failed is not None:
        return without("no model works")
    told = f"{seen.took_ms[1]:.1f} ms a question"
    if seen.took_ms[1] > SLOW_MODEL_MS:
        return warning(told, "Every recall waits so long; use a model on this machine, or one that is nearer.")
    return ok(told)


def closer_look(facts: Facts) -> Told:
    seen = facts.model
    if seen.missing is not None or seen.failed is not None:
        return without("no model works")
    if not seen.tokens:
        return note(
            "the model gives no vectors of single tokens", "thorough=True then adds nothing; minilm gives them."
        )
    return ok("thorough recalls can look closer")


def model_of_space(facts: Facts) -> Told:
    if facts.space is None or facts.space.summary.model is None:
        return without("no space holds vectors")
    bound, found = facts.space.summary.model, facts.model.fingerprint
    if facts.model.missing is not None:
        return note(
            f"the space holds vectors of {bound}, which no recall uses without it",
            "Name that model with --embedder, or go on by words.",
        )
    if found is not None and bound != found:
        return problem(
            f"the space holds vectors of {bound}, and the model here is {found}",
            "Name the model the space was made with by --embedder, or --embedder none for recall by words.",
        )
    return ok(f"the one the space was made with: {bound}")


def backlog(facts: Facts) -> Told:
    if facts.space is None:
        return without("no space is open")
    waiting = facts.space.summary.pending
    if waiting and facts.model.missing is not None:
        return note(
            f"{waiting:,} {'memory' if waiting == 1 else 'memories'} without a vector, found by their words",
            "With a model, the next writing command makes the vectors.",
        )
    if waiting:
        return warning(
            f"{waiting:,} {'memory' if waiting == 1 else 'memories'} without a vector",
            "The next writing command goes on; holdfast rebuild finishes them now.",
        )
    return ok("every memory has its vector")
