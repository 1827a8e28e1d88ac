"""Raw echoes: the least that each carriage can cost."""
