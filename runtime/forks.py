"""Counts forks, for what one process alone may use: asking for its number would be a system call each time."""

from __future__ import annotations

import os

_descent = 0
_made = 0


def _count_in_parent() -> None:
    global _made
    _made += 1


def _count_in_child() -> None:
    global _descent
    _descent += 1
    _count_in_parent()


os.register_at_fork(after_in_parent=_count_in_parent, after_in_child=_count_in_child)


def descent() -> int:
    """Forks between the first process and this one: another number in a child, and the same in its parent."""
    return _descent


def made() -> int:
    """Forks that this process has made, and those before it: another number in both after each."""
    return _made
