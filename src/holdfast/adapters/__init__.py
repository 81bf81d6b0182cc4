"""The ports on real technology; nothing here decides anything."""
