"""Looking at plugins: which there are, what their sums are, and why one does not start.

What `transportlab plugins list`, `pin`, `verify` and `diagnose` do. It uses the steps of the host
(discovery, trust, the start), and no step of the host uses it: a session needs nothing in here.
"""
