"""Pictures made from pictures, to train on beside the real ones.

gsff       generation from landmarks, a prompt and a depth map (AACSFNet's
           GSFF), the run that makes pictures, and their way into training
geometric  a change of outline, light and background without any model
"""
