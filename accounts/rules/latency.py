"""Latency buckets that can be added up, and the percentiles read from them.

Eight buckets for each doubling of the milliseconds, as the database counts them
(`latency_bucket` in migration 0012). A percentile is told as the geometric middle of its bucket,
so it is at most 2^(1/16) - 1 = 4.5 % off, and merging hours, keys or endpoints adds no error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

PER_DOUBLING = 8


def bucket_of(milliseconds: int) -> int:
    """Return the bucket of a latency; 0 holds everything up to one millisecond."""
    if milliseconds <= 1:
        return 0
    return math.ceil(PER_DOUBLING * math.log2(milliseconds) - 1e-9)


def middle_of(bucket: int) -> float:
    """Return the milliseconds that stand for a bucket."""
    return 1.0 if bucket == 0 else 2 ** ((bucket - 0.5) / PER_DOUBLING)


def percentile(counts: Mapping[int, int], share: float = 0.95) -> int | None:
    """Return the latency in whole milliseconds that `share` of the calls did not exceed."""
    total = sum(counts.values())
    if total <= 0:
        return None
    wanted, seen = math.ceil(total * share), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return round(middle_of(bucket))
    return None
