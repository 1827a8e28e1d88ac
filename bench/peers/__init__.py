"""Peers: plugins and programs that a careful author writes without this package.

`python -m bench.peers` holds the lab's own plugins, command and host against them.
docs/performance.md explains the rows.
"""
