"""Shipped for those who write adapters: contracts, the reference store, faults."""
