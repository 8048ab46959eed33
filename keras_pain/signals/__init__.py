"""Raw signal to features: pure array functions, no corpus knowledge."""
