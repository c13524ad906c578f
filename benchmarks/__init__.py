"""Where the time goes: ``make bench``. Ratios travel between machines, microseconds do not."""
