"""What must hold of a history when everything is quiet again. Pure: a story in, complaints out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tests.faults.events import Delivery, Mark, deliveries_of
from tests.faults.story import PROBE, Act, Disruption, End, Letter, Life, Request, Story

GRACE_S = 0.6  # what was on its way when the vendor said stop, on a busy machine
COMMIT_LAG_S = 3.0  # what was done in that time may not have been committed
MAX_METADATA = 4095

Check = Callable[[Story], list[str]]


def lost(story: Story) -> list[str]:
    """An acknowledged event that a flow acts on, and neither the vendor nor a dead letter has it."""
    have = {act.delivery for act in story.acts} | _dead(story)
    wanted = [one for produced in story.produced for one in deliveries_of(produced.mark, story.flows)]
    return [f"lost: {_said(one)}" for one in dict.fromkeys(wanted) if one not in have]


def invented(story: Story) -> list[str]:
    """The vendor has what nobody sent: the harness itself would be wrong, or a payload was mixed up."""
    flows = (*story.flows, *story.optional_flows)
    possible = {one for produced in story.produced for one in deliveries_of(produced.mark, flows)}
    made = dict.fromkeys(act.delivery for act in story.acts)
    return [f"invented: {_said(one)}" for one in made if one not in possible]


def out_of_order(story: Story) -> list[str]:
    """Two deliveries of one customer and topic whose first occurrences are in the wrong order, log order being right.

    What is a dead letter in doubt may still have happened, later than what followed it.
    """
    place = {flow.name: number for number, flow in enumerate(story.flows)}
    doubted = _in_doubt(story)
    newest: dict[tuple[str, str], tuple[tuple[int, int], Delivery]] = {}
    wrong = []
    for one in dict.fromkeys(act.delivery for act in story.acts):
        if one in doubted or one.flow not in place:
            continue
        lane, rank = (one.mark.topic, one.mark.customer), (one.mark.number, place[one.flow])
        if lane in newest and newest[lane][0] > rank:
            wrong.append(f"out of order: {_said(newest[lane][1])} came before {_said(one)}")
        else:
            newest[lane] = (rank, one)
    return wrong


def once_twice(story: Story) -> list[str]:
    """A once-action that the vendor made more often than upstream sent its event, whoever asked."""
    copies = _copies(story)
    return [f"made {_times(by)}: {_said(one)}" for one, by in _made(story).items() if len(by) > copies[one.mark]]


def made_for_a_duplicate(story: Story) -> list[str]:
    """A once-action that was made again because upstream sent its event again."""
    copies = _copies(story)
    return [
        f"made {_times(by)} for {copies[one.mark]} copies: {_said(one)}"
        for one, by in _made(story).items()
        if 1 < len(by) <= copies[one.mark]
    ]


def at_once(story: Story) -> list[str]:
    """Two answered requests for one customer that ran at the same time: within a group never."""
    answered = [one for one in story.requests if one.status is not None and one.ended_at is not None]
    wrong, running = [], dict[str, Request]()
    for request in sorted(answered, key=lambda one: one.arrived_at):
        for customer in {one.mark.customer for one in request.objects}:
            before = running.get(customer)
            if before and before is not request and (before.ended_at or 0) > request.arrived_at:
                wrong.append(f"at once: {customer}, by {before.by} and {request.by}")
            running[customer] = request
    return wrong


def called_while_told_to_stop(story: Story) -> list[str]:
    """A request of a worker that the vendor had told to stay away, before the hint was over or a probe was well.

    429 stops the action for as long as it says. A 5xx, or no answer to a once-action, stops it until a
    harmless read succeeded. What was on its way already does not count.
    """
    wrong = []
    for by in dict.fromkeys(request.by for request in story.requests):
        mine = sorted((one for one in story.requests if one.by == by), key=lambda one: one.arrived_at)
        naps = [nap for life in story.lives if life.name == by for nap in life.asleep]
        for told in mine:
            since = _told_at(told, story)
            if since is None:
                continue
            until = _until(told, since, mine)  # it may have probed and fallen asleep then
            since = max([since, *(woke for slept, woke in naps if slept - GRACE_S < since < woke)])
            wrong += [
                f"called while told to stop: {by} {told.action} at +{one.arrived_at - since:.2f} s after {told.status}"
                for one in mine
                if one.action == told.action and since + GRACE_S < one.arrived_at < until
            ]
    return wrong


def deliverable_dead(story: Story) -> list[str]:
    """A dead letter of something that the vendor would have taken, and that is not in doubt."""
    return [
        f"deliverable, but a dead letter ({letter.reason}): {_said(one)}"
        for letter in story.letters
        if letter.reason != "in_doubt"
        for one in _of(letter, story)
        if one not in story.poison
    ]


def too_much_doubt(story: Story) -> list[str]:
    """More in doubt than what was out at a kill, at a stop past the session or an outage, or had no clear answer."""
    doubted = [letter for letter in story.letters if letter.reason == "in_doubt"]
    unclear = sum(
        sum(one.flow in story.once for one in request.objects)
        for request in story.requests
        if request.is_ambiguous(story.patience_s)
    )
    bound = len(story.disruptions) * story.in_flight + unclear
    return [f"{len(doubted)} in doubt, and {bound} would be explained"] if len(doubted) > bound else []


def letters_twice(story: Story) -> list[str]:
    """More dead letters about one delivery, which nobody redrove, than upstream sent its event."""
    times, copies = Counter((letter.mark, letter.flow) for letter in story.letters), _copies(story)
    return [
        f"{count} dead letters: {flow} {_named(mark)}"
        for (mark, flow), count in times.items()
        if count > max(1, copies[mark])
    ]


def repeats(story: Story) -> int:
    """How often a repeatable action was made again."""
    made = Counter(act.delivery for act in story.acts if act.delivery.flow not in story.once)
    copies = _copies(story)
    return sum(max(0, times - copies[one.mark]) for one, times in made.items())


def too_many_repeats(story: Story) -> list[str]:
    """More repeats than what a broken life had just done, plus what had no clear answer; none where all was calm."""
    unclear = sum(len(request.objects) for request in story.requests if request.is_ambiguous(story.patience_s))
    bound = unclear + sum(_just_done(story.acts, one) + story.in_flight for one in story.disruptions)
    found = repeats(story)
    return [f"{found} repeats, and {bound} would be explained"] if found > bound else []


def stale(story: Story) -> list[str]:
    """A repeatable action's last act for a customer is not its newest: an old value stayed."""
    newest: dict[tuple[str, str], Mark] = {}
    last: dict[tuple[str, str], Mark] = {}
    for act in story.acts:
        flow, mark = act.delivery
        if flow not in story.once:
            last[flow, mark.customer] = mark
            newest[flow, mark.customer] = max(mark, newest.get((flow, mark.customer), mark))
    return [
        f"stale: {flow} of {customer} stands at {last[flow, customer].number}, the newest is {mark.number}"
        for (flow, customer), mark in newest.items()
        if last[flow, customer] != mark
    ]


def miscounted(story: Story) -> list[str]:
    """A worker whose figures are not what the vendor saw and the topics hold.

    Exact for those that were never killed, put to sleep or cut off from the broker; others may have
    counted less, never more.
    """
    return [
        f"miscounted by {life.name}: {what} is {counted}, and really {really}"
        for life in story.lives
        if life.name in story.counted
        for what, counted, really in _figures(story, life)
        if counted > really or (counted < really and _is_exact(story, life))
    ]


def uncommitted(story: Story) -> list[str]:
    """A partition that is not committed to its end, or whose map is none that Kafka keeps."""
    return [
        f"{topic}/{partition}: committed {stored.offset} of {stored.end}, {len(stored.metadata)} characters"
        for (topic, partition), stored in story.stored.items()
        if stored.offset != stored.end or len(stored.metadata) > MAX_METADATA
    ]


def ended_badly(story: Story) -> list[str]:
    """A worker that ended by itself, or not calmly when asked to."""
    return [f"{life.name} ended with {life.code}" for life in story.lives if life.end is End.BADLY]


def without_receipt(story: Story) -> list[str]:
    """A once-action that was made, or a dead letter, of which no receipt tells."""
    told = {(delivery, verdict) for delivery, verdict in story.receipts}
    doubted = _in_doubt(story)
    due = [(act.delivery, "delivered") for act in story.acts if act.delivery.flow in story.once]
    due = [one for one in due if one[0] not in doubted]
    due += [(one, "rejected") for letter in story.letters for one in _of(letter, story)]
    return [f"no receipt: {verdict} {_said(one)}" for one, verdict in dict.fromkeys(due) if (one, verdict) not in told]


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        lost, invented, out_of_order, once_twice, made_for_a_duplicate, at_once, called_while_told_to_stop,
        deliverable_dead, too_much_doubt, letters_twice, too_many_repeats, stale, miscounted, uncommitted,
        ended_badly, without_receipt,
    )
}  # fmt: skip


def complaints(story: Story, without: Iterable[str] = ()) -> dict[str, list[str]]:
    """What each checker has to say, but for those named in `without`."""
    found = {name: check(story) for name, check in CHECKS.items() if name not in set(without)}
    return {name: said for name, said in found.items() if said}


# -- pieces -----------------------------------------------------------------------------------


def _dead(story: Story) -> set[Delivery]:
    return {one for letter in story.letters for one in _of(letter, story)}


def _in_doubt(story: Story) -> set[Delivery]:
    return {one for letter in story.letters if letter.reason == "in_doubt" for one in _of(letter, story)}


def _copies(story: Story) -> Counter[Mark]:
    """How often upstream sent each event."""
    return Counter(produced.mark for produced in story.produced)


def _made(story: Story) -> Mapping[Delivery, list[str]]:
    """Who made each once-action."""
    made: dict[Delivery, list[str]] = defaultdict(list)
    for act in story.acts:
        if act.delivery.flow in story.once:
            made[act.delivery].append(act.by)
    return made


def _times(by: Sequence[str]) -> str:
    return f"{len(by)} times by {', '.join(by)}"


def _of(letter: Letter, story: Story) -> list[Delivery]:
    """The deliveries that a letter is about."""
    if letter.flow == "-":
        return deliveries_of(letter.mark, story.flows)
    return [Delivery(letter.flow, letter.mark)]


def _told_at(request: Request, story: Story) -> float | None:
    """When a request's sender learned that it must stop, or None when it may go on."""
    if request.action == PROBE:
        return None
    took_s = (request.ended_at or request.arrived_at) - request.arrived_at
    is_heard = took_s <= story.patience_s  # whether somebody listens to what comes later, nobody can tell from here
    says_stop = (request.status or 0) >= 500 or (request.status == 429 and request.retry_after_s)
    if is_heard and says_stop:
        return request.ended_at
    is_once = any(one.flow in story.once for one in request.objects)
    if is_once and request.is_ambiguous(story.patience_s):
        gave_up = request.arrived_at + story.patience_s
        return min(gave_up, request.ended_at or gave_up)
    return None


def _until(told: Request, since: float, mine: Sequence[Request]) -> float:
    if told.status == 429 and told.retry_after_s:
        return (told.ended_at or since) + told.retry_after_s - 0.05
    well = (
        one.arrived_at for one in mine if one.action == PROBE and one.arrived_at > since and (one.status or 500) < 500
    )
    return next(well, float("inf"))


def _just_done(acts: Iterable[Act], broken: Disruption) -> int:
    """What a life had done when it broke, and may not have committed."""
    return sum(act.by == broken.by and broken.since - COMMIT_LAG_S <= act.at <= broken.until for act in acts)


def _is_exact(story: Story, life: Life) -> bool:
    broken = {one.by for one in story.disruptions}
    return life.name not in broken and life.end is End.CALM


def _figures(story: Story, life: Life) -> Iterator[tuple[str, int, int]]:
    """What was counted beside what really was, for each figure."""
    counted = story.counted[life.name]
    really = Counter(
        (one.flow, "delivered")
        for request in story.requests
        if request.by == life.name and request.status is not None and request.status < 300
        for one in request.objects
        if one not in request.refused
    )
    for key in {*really, *(key for key in counted.ended if key[1] == "delivered")}:
        yield f"deliveries_total of {key[0]}", counted.ended.get(key, 0), really[key]
    asked = Counter(
        (request.action, str(request.status))
        for request in story.requests
        if request.by == life.name and not request.is_ambiguous(story.patience_s)
    )
    for route in asked:
        yield f"vendor_requests_total of {route}", counted.requests.get(route, 0), asked[route]
    if sum(other.worker == life.worker for other in story.lives) == 1:
        written = sum(letter.worker == life.worker for letter in story.letters)
        rejected = sum(count for (_, verdict), count in counted.ended.items() if verdict == "rejected")
        yield "dead_letters_total", counted.letters, written
        yield "rejected deliveries_total", rejected, written


def _said(delivery: Delivery) -> str:
    return f"{delivery.flow} {_named(delivery.mark)}"


def _named(mark: Mark) -> str:
    return f"{mark.topic.split('.')[1]}/{mark.customer}/{mark.number}"
