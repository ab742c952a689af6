"""What is true in one subscription of Marketo: leads, activities, campaign runs, lists, custom objects."""

from itertools import count
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.marketo.activities import Activities
from sandbox.marketo.campaigns import Campaigns
from sandbox.marketo.identity import Identity
from sandbox.marketo.leads import Leads
from sandbox.marketo.limits import Limits
from sandbox.marketo.lists import Lists
from sandbox.marketo.log import ActivityLog
from sandbox.marketo.objects import Objects
from sandbox.marketo.options import Options


class Instance:
    """Everything of one subscription; the control endpoint's view of it too."""

    name = "marketo"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        numbers = count(1)
        self.options = options
        self.identity, self.limits = Identity(options, clock.now), Limits(options, clock.now)
        self.log = ActivityLog(options, clock.now)
        self.leads = Leads(options, self.log)
        self.activities = Activities(options, self.leads, self.log)
        self.campaigns = Campaigns(options, self.leads, self.log)
        self.lists = Lists(options, self.leads)
        self.objects = Objects(options, self.leads, lambda: next(numbers))

    def state(self) -> dict[str, Any]:
        """Everything that is true now, as JSON."""
        return {
            "leads": {str(number): lead for number, lead in self.leads.all.items()},
            "activities": self.activities.added,
            "runs": self.campaigns.runs,
            "lists": {str(number): list(members) for number, members in self.lists.members.items()},
            "objects": {name: list(records.values()) for name, records in self.objects.records.items()},
            "tokens_granted": self.identity.granted,
            "used_today": self.limits.by_day[self.limits.today()],
            "most_at_once": self.limits.most_at_once,
            "refused": dict(self.limits.refused),
        }

    def history(self) -> dict[str, list[Any]]:
        """What was applied to each customer (or lead), in order."""
        return self.leads.history

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Change rate, concurrency or daily; KeyError for another. `token` ends every token, whatever the numbers."""
        if endpoint == "token":
            self.identity.end_all()
            return
        self.limits.set(endpoint, limit, window_s)

    def clear(self) -> None:
        """Forget every lead and everything done to them; tokens stay good."""
        for part in (self.log, self.leads, self.activities, self.campaigns, self.lists, self.objects, self.limits):
            part.clear()
