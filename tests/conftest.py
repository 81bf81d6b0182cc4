"""How far tests go: a short form everywhere, the long one with ``HOLDFAST_CAMPAIGN=nightly``."""

from __future__ import annotations

import os

from hypothesis import settings

NIGHTLY = os.environ.get("HOLDFAST_CAMPAIGN") == "nightly"

# A slow machine is not a broken promise, so nothing has a deadline; what failed can be played again.
settings.register_profile("short", deadline=None, print_blob=True)
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile("nightly" if NIGHTLY else "short")
