"""Pictures made from pictures, to train on beside the real ones.

GSFF is AACSFNet's generative augmentation, as released (main_GSFF.py), from
replaceable parts: landmarks and frames (`sources`), a prompt that states the
face's geometry (`prompts`), a depth map and the generator (`diffusion`), or
`geometric`, a change of outline, light and background without any model; the
`run` makes and checks pictures, `training` leads them into training folds.
"""

# They depict a man "with natural facial features" whatever the person of the
# frame, and no expression: pain is named in comments only. The prompts below
# have the released ones' content in our words.
LAYOUTS = ("words", "as_coded")
STRENGTH = 0.7  # main_GSFF.py; share of the steps that are taken
GUIDANCE = 12.0  # main_GSFF.py
STEPS = 45  # main_GSFF.py; int(45 x 0.7) = 31 are taken
SEED = 42  # main_GSFF.py: the same one for every picture
PROMPT = "a realistic photo of a man with natural facial features"
ANATOMY = "accurate facial features, portrait lighting, skin texture"
NEGATIVE_PROMPT = (
    "cartoon, low quality, distorted face, asymmetric eyes, unrealistic skin"
)
# A prompt of ours: the frames show women as well.
PERSON = "a realistic photo of a person with natural facial features"

# Unsaid: the size that the pictures had; Stable Diffusion 2 depth was trained
# at 512 pixels a side.
SIZE = 512
# Unsaid: the released code checks nothing.
MIN_IOU = 0.5

# The sum of the action units of which PSPI is made (Prkachin and Solomon,
# Pain 139(2), 2008): 5 + 5 + 5 + 1.
PSPI_RANGE = (0.0, 16.0)
