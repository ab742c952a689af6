"""Every vendor's mapping says who it is about in the same way (design §4, Identity)."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.hooks import VENDORS
from tests.support.ingest import NOW, webhook_config
from tests.support.signals import BATCH, BRAZE_SURVEY, ECM, GLOBAL_CHANGE, MARKETO, like
from tests.unit.test_exstream_source import EMAIL_EVENT
from workers.ingest.config import CanonicalSource
from workers.ingest.sources.catalogue import hook_of

NO_IDS = ["", None, "null", "[REDACTED]", "ada.moreno@example.com"]
"""What a vendor may write where there is no id; the last one is an address, which is nobody's."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where one source carries the site's id, and what stands in without it."""

    signal: dict[str, Any]
    path: tuple[str, ...]
    substitute: str | None
    settings: dict[str, Any]

    def customer(self, name: str, site_id: Any) -> dict[str, Any] | None:
        """The customer of the signal with this id in it, of its first event."""
        signal = like(self.signal)
        block = signal
        for step in self.path[:-1]:
            block = block[step]
        block[self.path[-1]] = site_id
        source = webhook_config(sources={name: VENDORS[name] | self.settings}).sources[name]
        assert not isinstance(source, CanonicalSource)
        customer: dict[str, Any] | None = hook_of(source).translate(signal, NOW)[0].value["customer"]
        return customer


EVERYTHING: dict[str, Any] = {"signals": None}
MAPPINGS = {
    "exstream": Mapping(
        EMAIL_EVENT,
        ("user", "PolicyHolder"),
        f"exstream:{EMAIL_EVENT['expctr']['tenant']}:{EMAIL_EVENT['user']['CustomerId']}",
        {"identity_paths": ["user.PolicyHolder"]},
    ),
    "exstream-delivery": Mapping(
        like(BATCH, event_type="exstream.delivery.failed"),
        ("recipient", "customer_id"),
        "exstream:statements:mail-",
        EVERYTHING,
    ),
    "marketo": Mapping(MARKETO, ("customerId",), "marketo:123-ABC-456:318592", EVERYTHING),
    "currents": Mapping(
        GLOBAL_CHANGE, ("user", "external_user_id"), "braze:retail-eu:639a35d192b0df004d06514c", EVERYTHING
    ),
    "braze": Mapping(BRAZE_SURVEY, ("external_user_id",), "braze:retail-eu:639a35d192b0df004d06514c", EVERYTHING),
    "ecm": Mapping(ECM, ("attributes", "Customer Id"), None, EVERYTHING),
}


def test_every_source_of_customers_is_here() -> None:
    """Notifications tells of alerts to staff, and of nobody else."""
    assert set(MAPPINGS) == set(VENDORS) - {"notifications"}


@pytest.mark.parametrize("name", MAPPINGS)
def test_the_sites_own_id_is_the_key(name: str) -> None:
    """Without the blanks around it, also where the vendor writes a number."""
    for site_id, key in ((" C-104711 ", "C-104711"), (4711, "4711")):
        customer = MAPPINGS[name].customer(name, site_id)
        assert customer is not None
        assert (customer["customer_id"], customer["resolved"]) == (key, True)


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize("nothing", NO_IDS)
def test_without_it_a_substitute_stands_in(name: str, nothing: Any) -> None:
    """Namespaced by system and instance, and never an address; a workspace is about itself."""
    customer, expected = MAPPINGS[name].customer(name, nothing), MAPPINGS[name].substitute

    if expected is None:
        assert customer is None
        return
    assert customer is not None
    assert customer["resolved"] is False
    assert customer["customer_id"].startswith(expected)
    assert "@" not in customer["customer_id"]


def test_two_feeds_of_one_system_know_one_customer() -> None:
    """Currents and a webhook message of one user: the same key, and the same substitute."""
    for site_id in ("C-1", ""):
        first, second = (MAPPINGS[name].customer(name, site_id) for name in ("currents", "braze"))
        assert first is not None
        assert second is not None
        assert first["customer_id"] == second["customer_id"]
