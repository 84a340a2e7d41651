"""Training: losses, schedules, the fit and what it tells on the way."""
