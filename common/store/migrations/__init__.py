"""Alembic migrations of the customer store, run by `common.store.migrate`."""
