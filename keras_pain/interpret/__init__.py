"""What trained models attend to."""
