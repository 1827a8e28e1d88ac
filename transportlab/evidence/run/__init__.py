"""A run: its plan, its processes, and the samples that they bring."""
