"""Mutations of every kind of file that users bring, over every reader.

    python -m tests.fuzz --n 20000

A reader may read a damaged file or refuse it with one of the suite's own
errors. Another error, more than 2 GB or more than 60 s is an escape, and so is
the end of the process.
"""
