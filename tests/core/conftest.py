"""Property tests may take their time: a slow machine is not a broken promise."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
