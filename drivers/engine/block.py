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
    SHARED,
    BEARABLE,
    CLOCK,
) = range(19)
"""Addresses of the rings; the last request that was answered; addresses of whether the burst has ended, of how many
wait for the device, and of how many of those may not be kept waiting; the address of how many hold the device's
slots, and the number of them from which on a job has one thread; until when others are kept waiting (nanoseconds,
CLOCK_MONOTONIC); addresses of each form's job (0 for none), and of whether jobs may not run now; the walker's pool and
threads; nanoseconds to look for a request; what has come of it; how many requests were answered; how many
in a row came while the client had the core, and how many of those there may be; the first of two words to read clocks
into."""

TIMES = CLOCK + 2
"""The first of two words for each request that was answered: when its job began and ended, by the same clock."""

MOST = 16
"""Requests that are answered at once: accounting for so many takes some tens of microseconds."""

CORES = TIMES + 2 * MOST
"""The first word of a set of cores: a bit for each."""

CORES_SIZE = 1024
"""Its bytes."""

WORDS = CORES + CORES_SIZE // 8

LEAST_BEARABLE = 16
"""Requests in a row that came while their client had the core, before the thread leaves it. Two threads that never
sleep share a core for milliseconds, beside one that is free; each request then takes several times as long."""

MOST_BEARABLE = 1024
"""It is twice as many each time that leaving was in vain, up to so many."""

NOTHING, OTHER, FULL = range(3)
"""Outcomes: no request came, or others are to have the device; a request without a job; enough were answered to account
for."""
