"""Conformance: cases from several sources, executed on a driver and judged."""
