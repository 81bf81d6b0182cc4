"""SQLite through apsw: one space in one file."""
