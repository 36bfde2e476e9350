"""Which test rows are public, and which stay hidden until the deadline."""

IGNORED, PUBLIC, PRIVATE = 0, 1, 2
