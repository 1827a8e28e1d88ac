"""REPORT.md and its figures, from evidence files."""
