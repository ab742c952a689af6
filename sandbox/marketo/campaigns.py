"""POST /rest/v1/campaigns/{id}/trigger.json (page §2.5): answered as a whole, and silent about each lead."""

from collections.abc import Mapping
from typing import Any

from sandbox.marketo.leads import Leads
from sandbox.marketo.log import ActivityLog
from sandbox.marketo.options import Campaign, Options
from sandbox.marketo.words import RefusedError

_MOST_LEADS, _MOST_TOKENS = 100, 100
_REQUEST_CAMPAIGN, _SEND_EMAIL = 47, 6


class Campaigns:
    """Trigger campaigns, and the runs that were requested."""

    def __init__(self, options: Options, leads: Leads, log: ActivityLog) -> None:
        self._options, self._leads, self._log = options, leads, log
        self.clear()

    def clear(self) -> None:
        """No runs any more."""
        self.runs: list[dict[str, Any]] = []

    def trigger(self, number: int, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The campaign's number. Raises RefusedError; nothing has run then."""
        campaign = self._requestable(number)
        asked = body.get("input")
        leads, tokens = (asked.get("leads"), asked.get("tokens") or []) if isinstance(asked, dict) else (None, [])
        if not isinstance(leads, list) or not leads:
            raise RefusedError("1002", "Missing value for required parameter 'leads'")
        if len(leads) > _MOST_LEADS or len(tokens) > _MOST_TOKENS:
            raise RefusedError("1003", "Too many records")  # invented: the page knows no text
        values = _tokens(tokens)
        if values and campaign.nested:
            raise RefusedError("611")
        for lead in self._known(leads):
            self._run(number, campaign, lead, values)
        return [{"id": number}]

    def listed(self) -> list[dict[str, Any]]:
        """What GET /campaigns.json lists."""
        return [
            {"id": number, "name": each.name, "type": each.type, "active": each.active}
            for number, each in (self._options.campaigns or {}).items()
        ]

    def _requestable(self, number: int) -> Campaign:
        known = self._options.campaigns
        campaign = Campaign() if known is None else known.get(number)
        if campaign is None:
            raise RefusedError("1013", "Campaign not found")
        if campaign.type == "batch" or not campaign.active:
            raise RefusedError("1003", "Campaign is not an active trigger campaign")  # the page knows no text
        return campaign

    def _known(self, leads: list[Any]) -> list[int]:
        numbers = [lead.get("id") if isinstance(lead, dict) else None for lead in leads]
        found = [number for number in numbers if number in self._leads]
        if len(found) < len(numbers) and self._options.unknown_trigger_lead == "refuse":
            raise RefusedError("1004")
        return [number for number in dict.fromkeys(found) if number is not None]

    def _run(self, number: int, campaign: Campaign, lead: int, tokens: Mapping[str, str]) -> None:
        """A second request of a once-campaign is a silent nothing (page §2.5)."""
        is_first = all(run["lead"] != lead or run["campaign"] != number for run in self.runs)
        qualifies = campaign.qualification == "every" or is_first
        run = {"campaign": number, "lead": lead, "tokens": dict(tokens), "qualified": qualifies}
        self.runs.append(run)
        self._leads.note(lead, "campaign", run)
        self._log.add(_REQUEST_CAMPAIGN, lead, str(number), {"Source": "Web service API"})
        if qualifies:
            self._log.add(_SEND_EMAIL, lead, campaign.name, {"Campaign Run ID": len(self.runs)})


def _tokens(tokens: Any) -> dict[str, str]:
    """By name; the braces are a part of it."""
    found = {}
    for each in tokens if isinstance(tokens, list) else [None]:
        token = each if isinstance(each, dict) else {}
        name = token.get("name")
        if not isinstance(name, str) or not (name.startswith("{{my.") and name.endswith("}}")):
            raise RefusedError("1003", "Invalid token")  # invented: the page knows no text
        found[name] = token.get("value", "")
    return found
