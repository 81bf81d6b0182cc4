"""Read, decide in core, write once."""
