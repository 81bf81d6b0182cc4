"""Points about what a space holds: the space, policy, backups, retention, growth."""

from __future__ import annotations

from holdfast.core.amounts import count_text, size_text
from holdfast.core.diagnosis.place import NETWORK
from holdfast.core.diagnosis.telling import DAY_MS, note, ok, problem, warning, without
from holdfast.model import limits
from holdfast.model.diagnosis import Facts, Told
from holdfast.model.policy import ALWAYS, Action, Sensitive

AHEAD_MS = 60_000
OLD_BACKUP_MS = 7 * DAY_MS
LONG_DUE_MS = 7 * DAY_MS
LATE_DAYS = 7
MANY = 100_000
"""Memories above which a space has an index of vectors, where usearch is installed."""
NEAR_LIMIT = 0.9
LONG_BYTES = 20_000
"""A text of so many bytes is far longer than the 256 tokens that a vector is made of."""
NEAR_QUOTA = 0.9
BYTES_EACH = 1_600
"""Resident memory that one more memory takes, with a vector of 384 numbers: from what `python -m bench.figures` prints
for 5,000 and for 100,000."""
DISK_DAYS = 90
FILE_SHARE = 3.0
"""Bytes of the file for each byte of payload, about, with vectors and words."""

_SECRET = (Sensitive.CREDENTIAL, Sensitive.PAYMENT, Sensitive.IDENTITY)
_KEPT_AS_SAID = (Action.STORE, Action.MARK)
_NONE_OPEN = "no space is open"


def space(facts: Facts) -> Told:
    if facts.refused is not None:
        return problem(facts.refused, facts.remedy or "Try again; if it stays, report it.")
    if facts.space is None:
        if facts.house is not None:
            return without("a whole house was asked about; --space NAME looks into one of its spaces")
        return ok("none there yet; the first write makes it")
    summary = facts.space.summary
    size = size_text(summary.size_bytes)
    return ok(f"opens; {count_text(summary.live, 'memory', 'memories')}, {size}, model {summary.model or 'none yet'}")


def schema(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    inside = facts.space.inside
    if inside.schema < inside.newest_schema:
        return note(
            f"schema {inside.schema}; this Holdfast writes {inside.newest_schema}",
            "The next writing command brings it up to date, and older versions cannot open it then: take a backup.",
        )
    return ok(f"schema {inside.schema}, the newest this Holdfast knows")


def encryption(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    if facts.space.encryption is not None:
        return ok(f"encrypted under the key {facts.space.encryption.key_id}")
    file, mount = facts.file, facts.place.mount
    told = "not encrypted"
    if file is not None and file.mode & 0o044:
        told = "not encrypted, in a file that others on this machine may read"
    elif mount is not None and mount.kind in NETWORK:
        told = "not encrypted, on a file system that others keep"
    elif facts.place.synced_by:
        told = "not encrypted, in a folder that is copied to other machines"
    else:
        return ok(f"{told}: who may read the file can read what is in it")
    return note(told, "holdfast key encrypt encrypts it in place.")


def data_key(facts: Facts) -> Told:
    seen = None if facts.space is None else facts.space.encryption
    if seen is None:
        return without("it is not encrypted" if facts.space else _NONE_OPEN)
    told = f"data key used {max(seen.events, seen.vectors):,} of {seen.most:,} times"
    if seen.advice:
        return warning(told, f"holdfast key rotate --data ({seen.advice})")
    return ok(told)


def ahead(facts: Facts) -> Told:
    newest = None if facts.space is None else facts.space.inside.newest_ms
    if newest is None:
        return without("nothing was written yet" if facts.space else _NONE_OPEN)
    if newest > facts.now_ms + AHEAD_MS:
        return warning(
            f"the newest event is {(newest - facts.now_ms) / 1000:,.0f} s ahead of the clock here",
            "Set the clock; a copy elsewhere may have a wrong one. Order is kept, times since then are those.",
        )
    return ok("no event is ahead of the clock")


def nodes(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    several = facts.space.inside.nodes
    if several > 1:
        return note(
            f"{several:,} copies wrote events",
            "What one of them forgets is forgotten here when its journal is taken in: holdfast import JOURNAL.",
        )
    return ok("one copy writes it")


def house(facts: Facts) -> Told:
    if facts.house is None:
        return without("no house is used")
    if facts.house.problems is None:
        return without(f"{facts.house.folder}; only who administers the house may ask")
    if facts.house.problems:
        return problem("; ".join(facts.house.problems[:5]), "holdfast house check names everything.")
    return ok(f"{facts.house.folder}, {count_text(facts.house.spaces, 'space')}; registry, audit and files agree")


def policy(facts: Facts) -> Told:
    if facts.policy is None:
        return note(
            "none: everything is kept as it is said", "A table [policy] in your own holdfast.toml says what may be."
        )
    kept = sum(1 for one in facts.policy.retentions.values() if one != ALWAYS)
    return ok(f"in force; {count_text(kept, 'category', 'categories')} with a bound of their own")


def secrets(facts: Facts) -> Told:
    if facts.policy is None:
        return without("no policy is in force")
    kept = [str(one) for one in _SECRET if facts.policy.action(one) in _KEPT_AS_SAID]
    if kept:
        return warning(
            f"{', '.join(kept)}: kept as it is said",
            "Say redact or refuse for it in [policy]; holdfast audit --apply then does it to what is held.",
        )
    return ok("keys, cards and numbers of identity are not kept as they are said")


def injection(facts: Facts) -> Told:
    if facts.policy is None:
        return without("no policy is in force")
    if facts.policy.action(Sensitive.INJECTION) in _KEPT_AS_SAID:
        return warning(
            "text from tools and documents that gives orders is recalled like any other",
            'injection = "quarantine" in [policy] keeps it apart.',
        )
    return ok("text from tools and documents that gives orders is kept apart or refused")


def quarantine(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    apart = facts.space.summary.quarantined
    if apart:
        return note(
            f"{count_text(apart, 'memory is', 'memories are')} kept apart",
            "Look through them: holdfast list --quarantined; then holdfast release or holdfast forget.",
        )
    return ok("nothing is kept apart")


def backup(facts: Facts) -> Told:
    if facts.backups is None or facts.space is None or not facts.space.inside.seq:
        return without("there is nothing to back up" if facts.space else _NONE_OPEN)
    if not facts.backups:
        return warning(
            f"none of this space in {', '.join(facts.looked_in)}",
            "holdfast backup FILE makes one; --backups FOLDER names where yours are.",
        )
    newest = facts.backups[0]
    return ok(f"{count_text(len(facts.backups), 'backup')}, the newest {newest.path}")


def backup_age(facts: Facts) -> Told:
    if not facts.backups or facts.space is None:
        return without("no backup is known")
    newest, seq = facts.backups[0], facts.space.inside.seq
    since, age_ms = max(0, seq - newest.seq), facts.now_ms - newest.taken_ms
    told = f"{age_ms / DAY_MS:.1f} days old, {count_text(since, 'event')} behind"
    if since and age_ms > OLD_BACKUP_MS:
        return warning(told, "Take one: holdfast backup FILE.")
    return ok(told)


def backup_place(facts: Facts) -> Told:
    if not facts.backups:
        return without("no backup is known")
    if all(one.same_disk for one in facts.backups):
        return note(
            "every backup is on the disk of the space", "Copy one to another disk, or another machine, each time."
        )
    return ok("one at least is on another disk")


def backup_rights(facts: Facts) -> Told:
    if not facts.backups:
        return without("no backup is known")
    loose = [one.path for one in facts.backups if one.mode & 0o077]
    if loose:
        return warning(f"others on this machine may use {', '.join(loose[:3])}", f"chmod 600 {' '.join(loose[:3])}")
    return ok("only you may read them")


def backup_words(facts: Facts) -> Told:
    if not facts.backups or facts.space is None:
        return without("no backup is known")
    # A forget is an event; a backup that ends before it has the words still.
    holding = [one for one in facts.backups if any(seq > one.seq for seq in facts.space.inside.forgets)]
    if holding:
        return note(
            f"{count_text(len(holding), 'backup')} from before the last forget: what was forgotten is in them",
            "Take a new one and delete those. Restoring them forgets it again first.",
        )
    return ok("nothing that was forgotten since is in them")


def due(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    expired = facts.space.summary.expired
    if expired:
        return warning(
            f"the time of {count_text(expired, 'memory', 'memories')} is up; they are not recalled, and still held",
            "holdfast audit --apply forgets them.",
        )
    return ok("nothing is held beyond its time")


def long_due(facts: Facts) -> Told:
    since = None if facts.space is None else facts.space.inside.due_ms
    if since is None:
        return without("nothing is kept for a while only" if facts.space else _NONE_OPEN)
    days = (facts.now_ms - since) / DAY_MS
    if facts.now_ms - since > LONG_DUE_MS:
        return problem(
            f"the first was due {days:,.0f} days ago: what was promised to be forgotten is not",
            "Run holdfast audit --apply every day.",
        )
    return ok("the first is due later" if days < 0 else f"the first was due {days:.1f} days ago")


def lifetimes(facts: Facts) -> Told:
    if facts.policy is None:
        return without("no policy is in force")
    if facts.policy.otherwise == ALWAYS and all(one == ALWAYS for one in facts.policy.retentions.values()):
        return note("everything is kept for good", '[policy.keep] bounds it by category, such as plan = "90 days".')
    return ok("what the policy bounds goes when its time is up")


def history(facts: Facts) -> Told:
    if facts.space is None or not facts.space.inside.seq:
        return without("nothing was written yet" if facts.space else _NONE_OPEN)
    summary = facts.space.summary
    told = f"{summary.superseded:,} superseded beside {summary.live:,} live"
    if summary.superseded > max(1_000, summary.live):
        return note(told, "They take room and are never recalled: holdfast prune --superseded shows what would go.")
    return ok(told)


def history_kept(facts: Facts) -> Told:
    keep_days = facts.configuration.keep_days
    if keep_days is None:
        return without("no [retention] bounds the history")
    prunable = None if facts.space is None else facts.space.prunable
    if prunable is None:
        return without("you may not prune it" if facts.space else _NONE_OPEN)
    if prunable:
        told = f"{count_text(prunable, 'event')} older than {keep_days:g} days by {LATE_DAYS} and more"
        return warning(told, "Run holdfast prune --apply every day.")
    return ok(f"nothing is older than {keep_days:g} days by {LATE_DAYS} that could go")


def erased(facts: Facts) -> Told:
    if facts.space is None or not facts.space.inside.seq:
        return without("nothing was written yet" if facts.space else _NONE_OPEN)
    inside = facts.space.inside
    told = f"{inside.erased:,} of {inside.seq:,} events were erased; their headers keep the chain whole"
    if inside.erased > max(10_000, inside.seq // 2):
        return note(told, "Most of the journal are headers now: holdfast prune drops those from before a time.")
    return ok(told)


def amount(facts: Facts) -> Told:
    if facts.space is None:
        return without(_NONE_OPEN)
    live = facts.space.summary.live
    told = count_text(live, "memory", "memories")
    if live > NEAR_LIMIT * limits.MEMORIES:
        return warning(
            f"{told}; a space holds {limits.MEMORIES:,} at most, and refuses more",
            "Split it into spaces, by person or by subject, or forget what is not needed.",
        )
    if live > MANY and not facts.machine.indexes_vectors:
        return note(
            f"{told}: each recall measures every vector, which takes some 6 ms for 100,000",
            "pip install 'holdfast[ann]' lets spaces of more than 100,000 have an index of vectors.",
        )
    return ok(f"{told}; vectors are found by an index" if live > MANY else told)


def memory_share(facts: Facts) -> Told:
    if facts.space is None or facts.machine.memory_bytes is None:
        return without("how much memory there is, or how many memories, is unknown")
    needed = facts.space.summary.live * BYTES_EACH
    told = f"about {size_text(needed)} of {size_text(facts.machine.memory_bytes)} for the index"
    if needed > facts.machine.memory_bytes / 2:
        return warning(told, "Split the space, or use a machine with more memory.")
    return ok(told)


def pace(facts: Facts) -> Told:
    if facts.space is None or facts.place.free_bytes is None:
        return without("no space is open, or the room is unknown")
    a_day = facts.space.inside.month_payload_bytes * FILE_SHARE / 30
    events = facts.space.inside.month_events
    if a_day < 1:
        return ok("nothing was written in the last 30 days")
    days = facts.place.free_bytes / a_day
    told = f"{count_text(events, 'event')} in 30 days, about {size_text(int(a_day))} a day"
    if days < DISK_DAYS:
        return warning(f"{told}: the disk is full in about {days:,.0f} days", "Free some space, or bound what is kept.")
    return ok(told)


def long_texts(facts: Facts) -> Told:
    if facts.space is None or not facts.space.inside.seq:
        return without("nothing was written yet" if facts.space else _NONE_OPEN)
    longest = facts.space.inside.most_payload_bytes
    if longest > LONG_BYTES:
        return note(
            f"the longest memory takes {size_text(longest)}",
            "A vector covers the first 256 tokens: a long document is found better as several memories.",
        )
    return ok(f"the longest memory takes {size_text(longest)}")


def quota(facts: Facts) -> Told:
    used = None if facts.house is None else facts.house.used
    if used is None:
        return without("no quota is set")
    told = f"{used:.0%} of it used"
    if used >= 1:
        return problem(told, "Writes are refused: forget something, or raise it with holdfast house limit.")
    if used >= NEAR_QUOTA:
        return warning(told, "Raise it with holdfast house limit, or forget something.")
    return ok(told)
