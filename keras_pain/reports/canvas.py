"""How every figure reaches the disk."""

import io
import pathlib

from matplotlib.figure import Figure

from keras_pain.experiments.atomic import write_file

SIMULATED = "SIMULATED"
_DPI = 130


def save_figure(
    figure: Figure, title: str, path, simulated: bool
) -> pathlib.Path:
    """Give a figure its title and write it whole.

    Args:
        figure: The figure, made with `layout="constrained"`.
        title: Its title.
        path: Where to write a PNG file. Of simulated data the name gets
            `_SIMULATED` before the suffix and the title says so; the file of
            the other kind is removed.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        KerasPainError: The file cannot be written.
    """
    path = pathlib.Path(path)
    marked = path.with_name(f"{path.stem}_{SIMULATED}{path.suffix}")
    path, other = (marked, path) if simulated else (path, marked)
    figure.suptitle(f"{SIMULATED}: {title}" if simulated else title)
    buffer = io.BytesIO()
    # The default metadata names Matplotlib's version.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    write_file(path, buffer.getvalue())
    other.unlink(missing_ok=True)
    return path
