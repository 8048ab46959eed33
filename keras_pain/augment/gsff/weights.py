"""Folders of diffusers models: what they must hold, and their hash."""

import hashlib
import json
import os
import pathlib

from keras_pain.errors import BadFileError

CLASS_NAME = "StableDiffusionDepth2ImgPipeline"
INDEX = "model_index.json"
_NETWORKS = ("unet", "vae", "text_encoder", "depth_estimator")
_CURE = (
    "give the whole folder of a Stable Diffusion 2 depth model, as diffusers "
    "saves it"
)
_GIT_LFS = b"version https://git-lfs"


def check_model_folder(folder: str | os.PathLike) -> pathlib.Path:
    """Looks whether a folder can be a depth-to-image pipeline.

    Args:
        folder: The folder.

    Returns:
        The folder.

    Raises:
        BadFileError: It is no folder, holds another kind of pipeline, or the
            weights of a network are missing.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadFileError(folder, "is no folder", _CURE)
    try:
        index = json.loads((folder / INDEX).read_bytes())
        kind = index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFileError(
            folder, f"holds no {INDEX} that can be read", _CURE
        ) from error
    if kind != CLASS_NAME:
        raise BadFileError(folder, f"is a {kind}, not a {CLASS_NAME}", _CURE)
    for network in _NETWORKS:
        files = weight_files(folder / network)
        if not files:
            raise BadFileError(
                folder, f"has no weights of the {network}", _CURE
            )
        for path in files:
            with open(path, "rb") as stream:
                if stream.read(len(_GIT_LFS)) == _GIT_LFS:
                    raise BadFileError(
                        path,
                        "is a pointer of Git LFS, not the weights",
                        "fetch them with git lfs pull",
                    )
    return folder


def weight_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files that diffusers loads a network from.

    Args:
        folder: The network's folder.

    Returns:
        Safetensors where there are any, else PyTorch files; not those of a
        variant, e.g. `model.fp16.safetensors`.
    """
    for ending in ("safetensors", "bin"):
        files = [
            path
            for path in sorted(folder.glob(f"*.{ending}"))
            if path.suffixes in ([f".{ending}"], [f"-of-{ending}"])
        ]
        if files:
            return files
    return []


def model_hash(folder: str | os.PathLike) -> str:
    """One hash for all that decides what a pipeline puts out.

    Args:
        folder: As checked by `check_model_folder`.

    Returns:
        SHA-256 over the names and contents of the weights, configurations and
        vocabularies, 64 hexadecimal digits.
    """
    folder = pathlib.Path(folder)
    index = json.loads((folder / INDEX).read_bytes())
    parts = sorted(name for name in index if (folder / name).is_dir())
    files = [
        path
        for part in parts
        for path in [
            *weight_files(folder / part),
            *sorted((folder / part).glob("*.json")),
            *sorted((folder / part).glob("*.txt")),
        ]
    ]
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        line = f"{path.relative_to(folder).as_posix()} {content}\n"
        digest.update(line.encode())
    return digest.hexdigest()
