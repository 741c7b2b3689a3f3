"""Everything on the application side."""
