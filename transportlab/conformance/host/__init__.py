"""Conformance of hosts: vectors that a host's command is put through, with a scripted plugin."""
