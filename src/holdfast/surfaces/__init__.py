"""The ways in: wire values and the command line."""
