"""What holds, given everything that was reported about one wish (design §8).

Newest wins; what was OBSERVED never overrides what was EXPLICIT; leave given must be newer than leave withdrawn by a
skew; ties go to the stricter. The answer depends on the set of reports, not on the order in which they arrived: for
each state only its newest report matters, so that is all the store keeps.
"""

from collections.abc import Callable, Collection

from common.store.times import SECOND_US
from common.store.values import Evidence
from workers.consent.words import Weight, is_forbidding, strictness

SKEW_US = 300 * SECOND_US
"""Clocks of two systems differ: an opt-in this little newer than an opt-out is not trusted."""


def decide(reports: Collection[Evidence], skew_us: int = SKEW_US) -> Evidence | None:
    """The report that holds; None where there is none. All are about one subject and one wish."""
    heard = _heard(reports)
    forbidding, allowing = _newest(heard, is_forbidding), _newest(heard, lambda one: not is_forbidding(one))
    if forbidding is None or allowing is None:
        return forbidding or allowing
    return allowing if allowing.effective_at > forbidding.effective_at + skew_us else forbidding


def newer(report: Evidence, than: Evidence) -> bool:
    """Whether a report of the same state of the same wish replaces the one that is kept."""
    return report.effective_at > than.effective_at


def _heard(reports: Collection[Evidence]) -> Collection[Evidence]:
    return [report for report in reports if report.weight == Weight.EXPLICIT] or reports


def _newest(reports: Collection[Evidence], is_meant: Callable[[Evidence], bool]) -> Evidence | None:
    return min(filter(is_meant, reports), key=_rank, default=None)


def _rank(report: Evidence) -> tuple[int, int, str, str]:
    """First is best: the newest, then the stricter; the rest only makes it one of equals."""
    return -report.effective_at, strictness(report.state), report.state, report.origin
