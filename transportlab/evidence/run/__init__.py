"""A run: its plan, its measuring processes, and the facts of the machine."""
