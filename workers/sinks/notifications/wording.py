"""What a person reads: subject, text, HTML and SMS of one alert, or of several in one message (§7.2). Pure."""

from collections.abc import Iterator, Sequence
from html import escape

from workers.sinks.notifications.parameters import Alert, Link, Severity

_SUBJECT_CHARACTERS = 200
_ORDER = list(Severity)


def subject(alerts: Sequence[Alert]) -> str:
    """The most urgent severity in front, as `[HIGH]`; one line, whatever a title holds."""
    worst = max((alert.severity for alert in alerts), key=_ORDER.index)
    first = alerts[0]
    told = first.title if len(alerts) == 1 else f"{len(alerts)} alerts: {first.topic or first.title}"
    return _cut(f"[{worst}] {_line(told)}", _SUBJECT_CHARACTERS)


def text(alerts: Sequence[Alert]) -> str:
    """Plain text: what it is, the message, and the links last."""
    return "\n\n----\n\n".join("\n".join(_lines(alert)) for alert in alerts) + "\n"


def html(alerts: Sequence[Alert]) -> str:
    """The same as HTML; nothing of an event is ever markup."""
    articles = "\n<hr>\n".join(map(_article, alerts))
    return f"<!DOCTYPE html>\n<html><body>\n{articles}\n</body></html>\n"


def sms(alerts: Sequence[Alert], most: int) -> str:
    """At most so many characters: the text is cut, the link as the last line is not (§2.2)."""
    first = alerts[0]
    said = subject(alerts)
    if len(alerts) == 1 and first.body:
        said += f"\n{first.body.strip()}"
    link = f"\n{first.links[0].url}" if first.links else ""
    if len(link) > most // 2:
        link = ""
    return _cut(said, most - len(link)) + link


def _lines(alert: Alert) -> Iterator[str]:
    yield f"[{alert.severity}] {_line(alert.title)}"
    if alert.body:
        yield ""
        yield alert.body.strip()
    if alert.links:
        yield ""
        for link in alert.links:
            yield f"{_line(link.label)}: {link.url}" if link.label else link.url


def _article(alert: Alert) -> str:
    body = "".join(f"<p>{escape(part.strip())}</p>" for part in (alert.body or "").split("\n\n") if part.strip())
    links = "".join(f'<p><a href="{escape(link.url)}">{escape(_label(link))}</a></p>' for link in alert.links)
    return f"<h3>[{alert.severity}] {escape(_line(alert.title))}</h3>{body.replace(chr(10), '<br>')}{links}"


def _label(link: Link) -> str:
    return _line(link.label) if link.label else link.url


def _line(said: str) -> str:
    return " ".join(said.split())


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"
