"""The reference backends, free of any transport. Each module holds PLUGIN."""
