"""Audit rows, feedback, token identifiers: the database."""
