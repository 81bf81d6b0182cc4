"""Memory for coding agents: Claude Code, Codex, Cursor and OpenCode call `hook` when something happens in them.

`hook` is the small program they start; it asks `resident`, a process of the same user that keeps the spaces open.
`installing` writes their configuration, `backfilling` takes in the transcripts that were there before.
"""
