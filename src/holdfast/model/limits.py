"""Bounds on what callers may give; every one is checked before anything is written."""

TEXT_CHARS = 1_000_000
"""Characters in one text. A longer document belongs in several memories."""
LABEL_CHARS = 500
"""Characters in an author, session, subject, source, tag, key or other short field."""
TAGS = 64
ATTRIBUTES = 64
SOURCES = 1_000
QUERY_CHARS = 100_000
BATCH = 10_000
"""Turns in one call of add_many."""
TALK = 100
"""Turns in one call up to which words for times and things are resolved: more is history, taken as it is."""
LIMIT_HITS = 1_000
"""The most hits one recall returns."""
MEMORIES = 12_000_000
"""Memories of a space that can be recalled: a row of the index in memory has a number of 24 bits, and up to a quarter
of the rows are of memories that are gone."""
FUTURE_MS = 86_400_000
"""How far ahead of the clock a turn may claim to have been said: clocks differ, by less than a day."""
