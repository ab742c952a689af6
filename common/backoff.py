"""How long to wait before the next try: exponential with full jitter."""

import random


def full_jitter(attempt: int, base_s: float, cap_s: float, rng: random.Random) -> float:
    """Seconds to wait before try number `attempt` (1 is the first repeat): uniform up to base x 2^(n-1), capped.

    Full jitter spreads a fleet that failed together; never less than a tenth of `base_s`, so that
    nobody spins. Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    ceiling = min(cap_s, base_s * 2 ** min(attempt - 1, 30))
    return max(base_s / 10, rng.uniform(0, ceiling))
