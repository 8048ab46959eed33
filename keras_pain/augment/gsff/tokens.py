"""How many of CLIP's 77 tokens a text takes.

CLIP's tokenizer cuts a text into words, single digits and runs of other signs,
and then into pieces of its vocabulary. A number with three decimals thus takes
five tokens, and a point of two such numbers about 13.
"""

import re
from collections.abc import Callable

LIMIT = 77
"""Tokens that CLIP's text encoder reads, with both ends marked."""

_ENDS = 2
# Nearly all English words of everyday use are one piece of the vocabulary;
# counting a piece every so many letters is on the safe side.
_LETTERS = 6
_PIECE = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_+")

CountTokens = Callable[[str], int]


def estimate_tokens(text: str) -> int:
    """Tokens of a text, estimated without the vocabulary, rather too many.

    Args:
        text: The text.

    Returns:
        Number of tokens, both ends included.
    """
    return _ENDS + sum(_cost(piece) for piece in _PIECE.findall(text))


def _cost(piece: str) -> int:
    if piece.isascii() and piece.isalpha():
        return 1 + (len(piece) - 1) // _LETTERS
    return len(piece.encode())  # signs, and letters of other scripts
