"""What a profile holds, by name: fields of a ProfileEvent, and those of the Customer record that tell something."""

FACTS = (
    "lifecycle_stage",
    "customer_type",
    "campaign",
    "memberships",
    "product_interest",
    "lead_score",
    "risk_level",
    "account_manager",
)
"""Fields of a ProfileEvent that are kept; flows read them as `profile.*`."""

NOT_KEPT = ("customer_id", "resolved")
"""Fields of the Customer record that are no facts about somebody: they say who it is."""
