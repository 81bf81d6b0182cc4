"""Indexes of vectors; see `holdfast.ports.vector_index`."""
