"""GSFF, the generative augmentation of AACSFNet, from four replaceable parts.

landmarks  where the 68 points come from
prompts    the text that states the face's geometry
depth      the depth map that carries it
diffusion  the generator; `keras_pain.augment.geometric` is one without a model
run        all of it on many pictures, with a check, a manifest and resuming
training   the pictures' way into training folds, and nowhere else

Source: the code released with AACSFNet (main_GSFF.py), see `released`.
"""
