"""What trained models look at, and whether to believe it."""
