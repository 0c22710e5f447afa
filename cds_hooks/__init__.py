"""Lenalidomide decision support: the pure part (no network, no database, no web framework)."""
