"""The server: hidden labels, a daily limit, scores that count exactly once, a leaderboard."""

from importlib.metadata import version

__version__ = version("unseen")
