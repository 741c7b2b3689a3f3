"""The words of a block, by which Python and ``drivers.engine.exchange`` work on a burst together."""

from __future__ import annotations

(
    REQUESTS,
    RESULTS,
    SERVED,
    ENDED,
    WANTED,
    URGENT,
    HOLDERS,
    CROWD,
    UNTIL,
    JOBS,
    BARRED,
    POOL,
    THREADS,
    SPIN,
    OUTCOME,
    COUNT,
    CLOCK,
) = range(17)
"""Addresses of the rings; the last request that was answered; addresses of whether the burst has ended, of how many
wait for the device, and of how many of those may not be kept waiting; the address of how many hold the device's
slots, and the number of them from which on a job has one thread; until when others are kept waiting (nanoseconds,
CLOCK_MONOTONIC); addresses of each form's job (0 for none), and of whether jobs may not run now; the walker's pool and
threads; nanoseconds to look for a request; what has come of it; how many requests were answered; the first of two
words to read clocks into."""

TIMES = CLOCK + 2
"""The first of two words for each request that was answered: when its job began and ended, by the same clock."""

MOST = 16
"""Requests that are answered at once: accounting for so many takes some tens of microseconds."""

WORDS = TIMES + 2 * MOST

NOTHING, OTHER, FULL = range(3)
"""Outcomes: no request came, or others are to have the device; a request without a job; enough were answered to account
for."""
