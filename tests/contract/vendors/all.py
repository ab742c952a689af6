"""The adapters by name: a vendor joins the suite here."""

from collections.abc import Mapping

from tests.contract.vendors.adapter import Adapter
from tests.contract.vendors.braze import BrazeAdapter
from tests.contract.vendors.ecm import EcmAdapter
from tests.contract.vendors.exstream import ExstreamAdapter, OnDemandAdapter
from tests.contract.vendors.marketo import MarketoAdapter
from tests.contract.vendors.notifications import NotificationsAdapter, RecognisingAdapter

_ALL: tuple[type[Adapter], ...] = (
    BrazeAdapter,
    EcmAdapter,
    ExstreamAdapter,
    OnDemandAdapter,
    MarketoAdapter,
    NotificationsAdapter,
    RecognisingAdapter,
)
ADAPTERS: Mapping[str, type[Adapter]] = {adapter.name: adapter for adapter in _ALL}
"""By the vendor's name; behind a space, what is set otherwise there."""
