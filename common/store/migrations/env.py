"""Alembic's environment: it runs on the connection that `common.store.migrate` hands over."""

from alembic import context

from common.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
