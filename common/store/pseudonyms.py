"""Addresses and identities under an HMAC: what must be recognised without being kept in the clear."""

import hmac

_DIGITS = 32


class Pseudonyms:
    """HMAC-SHA256 under the site's key, shortened to 128 bits; equal inputs give equal texts."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def fingerprint(self) -> str:
        """Tells one key from another, and nothing else about it."""
        return self._hash("key", "fingerprint")

    def address(self, text: str) -> str:
        """The subject of an e-mail address or phone number, whatever its case and spaces."""
        return f"a:{self._hash('address', normal(text))}"

    def identity(self, kind: str, text: str) -> str:
        """One of a customer's ids: `kind` keeps a lead number apart from an equal customer id."""
        return self._hash(kind, text)

    def _hash(self, kind: str, text: str) -> str:
        return hmac.digest(self._key, f"{kind}\n{text}".encode(), "sha256").hex()[:_DIGITS]


def normal(address: str) -> str:
    """One spelling for one address: e-mail in lower case, a phone number as its digits with a plus."""
    text = "".join(address.split()).lower()
    if "@" in text:
        return text
    digits = "".join(letter for letter in text if letter.isdigit())
    return f"+{digits.removeprefix('00')}" if digits else text
