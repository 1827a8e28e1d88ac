"""The reference backends: each package holds PLUGIN, and knows nothing of transports."""
