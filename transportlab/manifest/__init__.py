"""The manifest: what the jobs of an app are, how a document is read, and what each value must be.

document.py is the way in; a plugin's process imports nothing from here.
"""
