"""The words of a block, by which Python and ``drivers.engine.exchange`` work on a burst together."""

from __future__ import annotations

REQUESTS, RESULTS, SERVED, ENDED, WANTED, JOBS, BARRED, POOL, THREADS, SPIN, OUTCOME, BEGIN, CLOCK = range(13)
"""Addresses of the rings; the last request that was answered; addresses of whether the burst has ended, of how many
wait for the device, of each form's job (0 for none), and of whether jobs may not run now; the walker's pool and
threads; nanoseconds to look for a request; what has come of it; when the job began (nanoseconds, CLOCK_MONOTONIC); the
first of two words to read clocks into."""

WORDS = CLOCK + 2

NOTHING, OTHER, ANSWERED = range(3)
"""Outcomes: no request came, or others wait for the device; a request without a job; a request that was answered."""
