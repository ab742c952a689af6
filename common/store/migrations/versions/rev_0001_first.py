"""the customer store: facts, consent, journeys' memory, outbox"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RESPONSE_ORIGINS = """
CREATE VIEW response_origins AS
SELECT response.event_id, response.customer_id, response.occurred_at, response.type, response.source,
  CASE WHEN response.message IS NOT NULL THEN response.message
       WHEN linked.message IS NOT NULL THEN linked.message
       ELSE touch.message END AS message,
  CASE WHEN response.message IS NOT NULL OR linked.message IS NOT NULL THEN 'linked'
       WHEN touch.message IS NOT NULL THEN 'last_touch'
       ELSE 'unknown' END AS how
FROM timeline AS response
LEFT JOIN timeline AS linked ON linked.event_id = (
  SELECT m.event_id FROM timeline AS m
  WHERE m.customer_id = response.customer_id AND m.message IS NOT NULL AND m.event_id <> response.event_id
    AND (m.event_id = response.caused_by OR m.correlation_id = response.correlation_id)
  ORDER BY m.occurred_at DESC, m.event_id LIMIT 1)
LEFT JOIN timeline AS touch ON touch.event_id = (
  SELECT m.event_id FROM timeline AS m
  WHERE m.customer_id = response.customer_id AND m.message IS NOT NULL
    AND m.step IN ('sent', 'delivered', 'opened', 'clicked')
    AND m.occurred_at <= response.occurred_at
    AND m.occurred_at > response.occurred_at
        - (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'last_touch_us')
  ORDER BY m.occurred_at DESC, m.event_id LIMIT 1)
WHERE response.step = 'responded'
"""

COMMUNICATION_OUTCOMES = """
CREATE VIEW communication_outcomes AS
SELECT m.customer_id, m.message,
  MAX(m.document_type) AS document_type, MAX(m.channel) AS channel, MAX(m.campaign) AS campaign,
  MIN(CASE WHEN m.step = 'sent' THEN m.occurred_at END) AS sent_at,
  MIN(CASE WHEN m.step = 'delivered' THEN m.occurred_at END) AS delivered_at,
  MIN(CASE WHEN m.step = 'failed' THEN m.occurred_at END) AS failed_at,
  MIN(CASE WHEN m.step = 'opened' THEN m.occurred_at END) AS opened_at,
  MIN(CASE WHEN m.step = 'clicked' THEN m.occurred_at END) AS clicked_at,
  MIN(r.occurred_at) AS responded_at, MIN(r.type) AS response,
  MIN(r.how) AS response_how
FROM timeline AS m
LEFT JOIN response_origins AS r ON r.customer_id = m.customer_id AND r.message = m.message
WHERE m.message IS NOT NULL
GROUP BY m.customer_id, m.message
"""


def upgrade() -> None:
    """Tables, indexes and the two views of the shared data layer."""
    op.create_table(
        "alert",
        sa.Column("alert_key", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("alert_key", name="pk_alert"),
    )
    op.create_index("ix_alert_changed", "alert", ["changed_at"], unique=False)
    op.create_index("ix_alert_customer", "alert", ["customer_id"], unique=False)
    op.create_table(
        "decision",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subscription_group", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "kind", "channel", "purpose", "subscription_group", name="pk_decision"),
    )
    op.create_table(
        "evidence",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subscription_group", sa.Text(), nullable=False),
        sa.Column("weight", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "subject", "kind", "channel", "purpose", "subscription_group", "weight", "state", name="pk_evidence"
        ),
    )
    op.create_table(
        "instance",
        sa.Column("journey", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("journey", "customer_id", "about", name="pk_instance"),
    )
    op.create_index("ix_instance_customer", "instance", ["customer_id"], unique=False)
    op.create_table(
        "link",
        sa.Column("substitute_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("substitute_id", name="pk_link"),
    )
    op.create_index("ix_link_customer", "link", ["customer_id"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_order", "outbox", ["partition", "sequence"], unique=False)
    op.create_table(
        "partition",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("offsets", sa.JSON(), nullable=False),
        sa.Column("fresh_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_partition"),
    )
    op.create_table(
        "profile",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("customer", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("times", sa.JSON(), nullable=False),
        sa.Column("engaged_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_profile"),
    )
    op.create_table(
        "system_view",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subscription_group", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("is_echo", sa.Boolean(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "customer_id", "kind", "channel", "purpose", "subscription_group", "system", name="pk_system_view"
        ),
    )
    op.create_table(
        "timeline",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("caused_by", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_timeline"),
    )
    op.create_index("ix_timeline_customer", "timeline", ["customer_id", "occurred_at"], unique=False)
    op.create_index("ix_timeline_occurred", "timeline", ["partition", "occurred_at"], unique=False)
    op.create_table(
        "timer",
        sa.Column("journey", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("journey", "customer_id", "about", "step", name="pk_timer"),
    )
    op.create_index("ix_timer_customer", "timer", ["customer_id"], unique=False)
    op.create_index("ix_timer_due", "timer", ["partition", "due_at"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_tombstone"),
    )
    op.create_table(
        "workspace",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("workspace_type", sa.Text(), nullable=True),
        sa.Column("workspace_name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=True),
        sa.Column("case_status", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_workspace"),
    )
    op.create_index("ix_workspace_customer", "workspace", ["customer_id"], unique=False)

    for view in (RESPONSE_ORIGINS, COMMUNICATION_OUTCOMES):
        op.execute(view)


def downgrade() -> None:
    """Refused: going back would forget opt-outs."""
    raise NotImplementedError("the customer store's schema does not go back: restore a backup with the older release")
