"""Hours of a room in minutes: does the daemon hear every word of them, and does it grow? ``make soak HOURS=24``.

The daemon is the real one, but for its card, which is simulated, and for time, which is the room's. Words, talk, noise,
lost audio, frozen and vanished cards, dead input, reloads and mutes come at random, the same for a seed.
"""
