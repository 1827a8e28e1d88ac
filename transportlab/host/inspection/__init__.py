"""Looks at plugins: which there are, what their sums are, and why one does not start.

This is what `transportlab plugins list`, `pin`, `verify` and `diagnose` do. It uses the steps of
the host (discovery, trust, launch), and no session needs anything in here.
"""
