"""Secrets of sinks that change while they run: the sandbox's credentials are rotated in the middle."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from sandbox.notifications.options import ALERT_SECRET
from tests.contract.vendors.adapter import Adapter
from tests.contract.vendors.all import ADAPTERS
from tests.contract.vendors.play import deliver, said
from tests.support.notifications import config as notifications_config
from tests.support.notifications import endpoint, sandbox_notifications
from workers.catalogue import VENDORS
from workers.rotation import Rotating
from workers.sinks.api import Sink

ANOTHER = "rotated-only-secret-of-a-sandbox"


@pytest.fixture(params=sorted(VENDORS))
def vendor(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    with ADAPTERS[request.param].served() as one:
        one.begin(next(iter(one.goes_on)))
        yield one


def secret_of(section: Any, path: tuple[str, ...]) -> str:
    for name in path:
        section = getattr(section, name)
    return str(section.get_secret_value())


def with_secret(section: BaseModel, path: tuple[str, ...], secret: str) -> Any:
    """A section with another secret in it."""
    name, *rest = path
    inner = with_secret(getattr(section, name), tuple(rest), secret) if rest else SecretStr(secret)
    return section.model_copy(update={name: inner})


def running(vendor: Adapter, file: Path) -> Sink:
    """A sink whose secret stands in a file, as a worker would have it."""
    config = vendor.config()
    file.write_text(secret_of(config, vendor.secret))
    latest = Rotating(config, [file], lambda: with_secret(config, vendor.secret, file.read_text()))
    return VENDORS[vendor.vendor].connect(config, vendor.clock, None, latest)


def replaced(file: Path, secret: str) -> None:
    """As Kubernetes does it: another file under the name."""
    other = file.with_suffix(".new")
    other.write_text(secret)
    other.replace(file)


def rewritten_unseen(file: Path, secret: str) -> None:
    """In place, of the same size, within the same tick of a coarse clock."""
    before = file.stat()
    file.write_text(secret)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_next_request_has_the_new_secret(vendor: Adapter, tmp_path: Path) -> None:
    """No restart, no hold, nothing twice."""
    action, file = next(iter(vendor.goes_on)), tmp_path / "secret"
    sink = running(vendor, file)
    first = deliver(sink, action, [vendor.item(sink, action)])

    vendor.rotate(ANOTHER)
    replaced(file, ANOTHER)
    second = deliver(sink, action, [vendor.item(sink, action)])
    sink.close()

    assert [said(first), said(second)] == ["delivered", "delivered"]


def test_a_refusal_has_the_secret_read_again(vendor: Adapter, tmp_path: Path) -> None:
    """Even where the file looks as before: the delivery after a refused one goes out, at the latest."""
    action, file = next(iter(vendor.goes_on)), tmp_path / "secret"
    sink = running(vendor, file)
    old = file.read_text()
    vendor.rotate(new := "n" * len(old))
    rewritten_unseen(file, new)

    outcomes = [said(deliver(sink, action, [vendor.item(sink, action)])) for _ in range(2)]
    sink.close()

    assert outcomes in (["delivered", "delivered"], ["hold credentials", "delivered"])


def test_a_revoked_secret_holds_until_its_file_has_the_new_one(vendor: Adapter, tmp_path: Path) -> None:
    """The vendor first, the file later: a hold, whose probe says when all is well; nothing is lost."""
    action, file = next(iter(vendor.goes_on)), tmp_path / "secret"
    sink = running(vendor, file)
    vendor.rotate(ANOTHER)

    held = deliver(sink, action, [vendor.item(sink, action)])
    probed = sink.probe(sink.actions[action])
    replaced(file, ANOTHER)
    well = sink.probe(sink.actions[action])
    after = deliver(sink, action, [vendor.item(sink, action)])
    sink.close()

    assert (said(held), said(after)) == ("hold credentials", "delivered")
    assert probed is not None
    assert well is None
    assert vendor.done(action) == 1


def test_a_signing_secret_is_rotated_too(tmp_path: Path) -> None:
    """The alert system of a site: what it signs with is read with every request."""
    file = tmp_path / "secret"
    file.write_text("an-older-signing-secret-of-ours")
    path = ("http_alert", "signing_secret")
    with sandbox_notifications() as served, ADAPTERS["notifications"].served() as items:
        config = with_secret(notifications_config(http_alert=endpoint(served.url)), path, file.read_text())
        latest = Rotating(config, [file], lambda: with_secret(config, path, file.read_text()))
        sink = VENDORS["notifications"].connect(config, items.clock, None, latest)

        held = deliver(sink, "http_alert", [items.item(sink, "http_alert")])
        replaced(file, ALERT_SECRET)
        after = deliver(sink, "http_alert", [items.item(sink, "http_alert")])
        sink.close()

    assert (said(held), said(after)) == ("hold credentials", "delivered")
