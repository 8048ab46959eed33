"""What is known of each corpus on disk: layouts, readers, simulators."""
