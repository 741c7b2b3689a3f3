"""The passes: one file each, found by its name; ``rewriting`` and the like are what they share."""
