"""Faces in video: found by MTCNN, followed through the clip, cut out."""
