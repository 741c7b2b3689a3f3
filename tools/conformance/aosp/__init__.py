"""Android's ``.mod.py`` specifications, read by ourselves.

A specification is a small Python program. What it says is in ``language``; ``variations`` are the
ways of changing a model that it may ask for; ``evaluation`` runs it with nothing else in reach; and
``reader`` makes cases of what it has declared.
"""
