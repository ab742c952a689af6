"""The tables. What makes them in a database are the migrations; a test holds the two together."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def _id(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _text(name: str) -> Column[Any]:
    return Column(name, Text)


def _number(name: str, kind: type[TypeEngine[Any]] = BigInteger, *, nullable: bool = False) -> Column[Any]:
    return Column(name, kind, nullable=nullable)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON, nullable=False)


def _partition() -> Column[Any]:
    return Column("partition", Integer, nullable=False)


def _scope() -> list[Column[Any]]:
    return [_id("kind"), _id("channel"), _id("purpose"), _id("subscription_group")]


def _key(table: str, *names: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*names, name=f"pk_{table}")


_SCOPE = ("kind", "channel", "purpose", "subscription_group")

meta = Table("meta", metadata, _id("name"), _id("value"), _key("meta", "name"))

partition = Table(
    "partition",
    metadata,
    Column("number", Integer, nullable=False, autoincrement=False),
    _number("epoch"),
    _json("offsets"),  # next offset by topic
    _number("fresh_at"),
    _key("partition", "number"),
)

profile = Table(
    "profile",
    metadata,
    _id("customer_id"),
    _partition(),
    Column("resolved", Boolean, nullable=False),
    _json("customer"),
    _json("facts"),
    _json("times"),
    _number("engaged_at", nullable=True),
    _number("changed_at"),
    _key("profile", "customer_id"),
)

evidence = Table(
    "evidence",
    metadata,
    _id("subject"),
    *_scope(),
    _id("weight"),
    _id("state"),
    _number("effective_at"),
    _id("origin"),
    _id("event_id"),
    _key("evidence", "subject", *_SCOPE, "weight", "state"),
)

decision = Table(
    "decision",
    metadata,
    _id("customer_id"),
    *_scope(),
    _id("state"),
    _number("effective_at"),
    _id("origin"),
    _id("event_id"),
    _key("decision", "customer_id", *_SCOPE),
)

system_view = Table(
    "system_view",
    metadata,
    _id("customer_id"),
    *_scope(),
    _id("system"),
    _id("state"),
    _number("effective_at"),
    Column("is_echo", Boolean, nullable=False),
    _json("written"),
    _key("system_view", "customer_id", *_SCOPE, "system"),
)

workspace = Table(
    "workspace",
    metadata,
    _id("workspace_id"),
    _partition(),
    _text("customer_id"),
    _text("workspace_type"),
    _text("workspace_name"),
    _id("state"),
    _text("milestone"),
    _text("case_status"),
    _text("owner"),
    _number("expires_at", nullable=True),
    _json("documents"),
    _number("changed_at"),
    _key("workspace", "workspace_id"),
    Index("ix_workspace_customer", "customer_id"),
)

alert = Table(
    "alert",
    metadata,
    _id("alert_key"),
    _partition(),
    _text("customer_id"),
    _text("topic"),
    _text("severity"),
    _text("title"),
    _id("state"),
    _number("raised_at", nullable=True),
    _number("expires_at", nullable=True),
    _number("changed_at"),
    _json("outcomes"),
    _key("alert", "alert_key"),
    Index("ix_alert_changed", "changed_at"),
    Index("ix_alert_customer", "customer_id"),
)

timeline = Table(
    "timeline",
    metadata,
    _id("event_id"),
    _partition(),
    _id("customer_id"),
    _number("occurred_at"),
    _id("topic"),
    _id("type"),
    _id("source"),
    _text("message"),
    _text("step"),
    _text("document_type"),
    _text("channel"),
    _text("campaign"),
    _text("correlation_id"),
    _text("caused_by"),
    _json("detail"),
    _key("timeline", "event_id"),
    Index("ix_timeline_customer", "customer_id", "occurred_at"),
    Index("ix_timeline_occurred", "partition", "occurred_at"),
)

instance = Table(
    "instance",
    metadata,
    _id("journey"),
    _id("customer_id"),
    _id("about"),
    _partition(),
    _number("started_at"),
    _json("memory"),
    _key("instance", "journey", "customer_id", "about"),
    Index("ix_instance_customer", "customer_id"),
)

timer = Table(
    "timer",
    metadata,
    _id("journey"),
    _id("customer_id"),
    _id("about"),
    _id("step"),
    _partition(),
    _number("due_at"),
    _key("timer", "journey", "customer_id", "about", "step"),
    Index("ix_timer_due", "partition", "due_at"),
    Index("ix_timer_customer", "customer_id"),
)

link = Table(
    "link",
    metadata,
    _id("substitute_id"),
    _id("customer_id"),
    _number("linked_at"),
    _key("link", "substitute_id"),
    Index("ix_link_customer", "customer_id"),
)

tombstone = Table("tombstone", metadata, _id("identity"), _number("erased_at"), _key("tombstone", "identity"))

outbox = Table(
    "outbox",
    metadata,
    _id("event_id"),
    _partition(),
    _number("sequence"),
    _id("topic"),
    Column("key", LargeBinary, nullable=False),
    Column("value", JSON(none_as_null=True)),
    _key("outbox", "event_id"),
    Index("ix_outbox_order", "partition", "sequence"),
)
