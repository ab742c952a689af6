"""A vendor's base URL: what may stand in it, and whether a secret may travel to it. Pure."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def parsed(url: str, example: str) -> SplitResult:
    """The parts of an http or https URL with a host and a usable port; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"must look like {example}")
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return parts


def host_only(url: str, example: str) -> str:
    """Scheme, host and port of a URL that has nothing else; raises ValueError."""
    parts = parsed(url, example)
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("is a host only: no path, no query, no password")
    return f"{parts.scheme}://{parts.netloc}"


def is_private_enough(url: str) -> bool:
    """Whether a secret is safe on the way there: encrypted, or it does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or _is_this_machine(parts.hostname or "")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
