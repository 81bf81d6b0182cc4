"""Redis as the backend of the working tier."""
