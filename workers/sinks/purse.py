"""The purse: what a delivery thread pays with for requests beside the one that was taken for its batch."""

from typing import Protocol


class Payer(Protocol):
    """What a purse draws on (budget.py)."""

    def spend(self, bound_s: float, *, needs_slot: bool, is_question: bool = False) -> None:
        """Take one request, waiting at most so long. Raises BudgetGoneError."""
        ...


class Purse:
    """Pays for further requests, one after the other; used in one thread only.

    They share one slot: the batch's, or one that the first of them takes.
    """

    __slots__ = ("_payer", "asked", "has_slot", "spent")

    def __init__(self, payer: Payer, *, has_slot: bool) -> None:
        self._payer, self.has_slot = payer, has_slot
        self.spent = 0
        self.asked = 0

    def spend(self, bound_s: float = 5.0) -> None:
        """Leave for one more request, waiting at most so long. Raises BudgetGoneError."""
        self._payer.spend(bound_s, needs_slot=not self.has_slot)
        self.has_slot = True
        self.spent += 1

    def ask(self, bound_s: float = 5.0) -> None:
        """Leave for the question how much is used: of everything but the quota that it is about."""
        self._payer.spend(bound_s, needs_slot=not self.has_slot, is_question=True)
        self.has_slot = True
        self.asked += 1
