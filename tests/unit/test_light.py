"""Values of which several are made for every event, and the times in them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from common.light import light
from common.rfc3339 import in_milliseconds

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FROM, TO = datetime(1900, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)
MOMENTS = st.datetimes(FROM.replace(tzinfo=None), TO.replace(tzinfo=None), timezones=st.one_of(st.just(UTC), ZONES))


@light
class Named:
    """A name and a number."""

    name: str
    number: int = 0


@light
class Secret(Named):
    """One that says nothing of itself."""

    def __repr__(self) -> str:
        """Its kind."""
        return "Secret()"


@light
class SecretToo(Secret):
    """And whoever inherits from it."""

    more: str = ""


def test_it_is_a_value() -> None:
    """Equal fields are equal, and have one hash; another type is another value; there is no room for more."""
    assert Named("a", 1) == Named("a", 1) != Named("a", 2)
    assert hash(Named("a", 1)) == hash(Named("a", 1))
    assert Named("a") != Secret("a")
    assert not hasattr(Named("a"), "__dict__")


def test_a_repr_that_somebody_wrote_is_kept() -> None:
    """What must not be in a log does not come back with a subclass."""
    assert (repr(Named("a")), repr(Secret("a")), repr(SecretToo("a"))) == (
        "Named(name='a', number=0)",
        "Secret()",
        "Secret()",
    )


@given(MOMENTS)
def test_a_time_is_written_as_isoformat_would(moment: datetime) -> None:
    """In UTC, cut to milliseconds."""
    assert in_milliseconds(moment) == moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
