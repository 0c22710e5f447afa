"""Run by Alembic: applies the steps on the connection that `service.store.schema` has opened.

That connection is already inside the one transaction in which all steps happen or none, on both databases. On SQLite
foreign keys are enforced in it, so a step must not rebuild a table that others refer to.
"""

from __future__ import annotations

from alembic import context

from service.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
