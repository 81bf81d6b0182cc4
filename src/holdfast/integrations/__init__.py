"""Holdfast inside other programs: one package or module each, built on the public API."""
