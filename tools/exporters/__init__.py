"""Models in other formats, written from ours."""
