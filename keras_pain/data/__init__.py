"""Recordings to what a model is fed: windows, labels, scaling, augmentation."""
