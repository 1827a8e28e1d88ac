"""The manifest: how a document with an app's jobs is read, checked and hashed.

document.py is the way in: load_manifest and parse_manifest. pin.py and hashing.py are what hosts
need of it besides. A plugin imports nothing from here: the host reads manifests and sends jobs.
"""
