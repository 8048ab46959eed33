"""The generator of GSFF: depth-guided image-to-image diffusion.

Stable Diffusion 2 depth (Rombach et al., CVPR 2022, and its model card)
through the library diffusers, an optional extra. The model was taken off its
first place on Hugging Face in November 2025; any folder or repository that
holds it will do.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import warnings
from collections.abc import Sequence

import numpy as np

from keras_pain.augment import GUIDANCE, NEGATIVE_PROMPT, SIZE, STEPS, STRENGTH
from keras_pain.augment.prompts import LIMIT
from keras_pain.corpora.manifest import content_hash
from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.io import sha256_of

PACKAGES = ("torch", "diffusers", "transformers")
# The VAE and the UNet each halve the size three times.
_MULTIPLE = 64
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CLASS_NAME = "StableDiffusionDepth2ImgPipeline"
INDEX = "model_index.json"
_NETWORKS = ("unet", "vae", "text_encoder", "depth_estimator")
_MODEL_CURE = "give the whole folder of a Stable Diffusion 2 depth model, as "
_MODEL_CURE += "diffusers saves it"
_GIT_LFS = b"version https://git-lfs"
_DEPTH_CURE = "store one array of distances a picture, (height, width), as .npy"


class Depth:
    """Where the depth map comes from that the generator keeps to.

    The text is `pipeline`: the generator's own estimate, as in the released
    code (MiDaS/DPT); `none`: a plane, so that the picture and the prompt alone
    guide the generator; or `npy:FOLDER`: `<name>.npy` of every picture,
    `(H, W)`, larger is nearer.

    Raises ConfigurationError where there is no such source; BadFileError where
    there is no such folder.
    """

    def __init__(self, text: str = "pipeline"):
        self.kind, _, folder = text.partition(":")
        # As the manifest says it; of files with their hash.
        self.described = self.kind
        if self.kind == "npy" and folder:
            self.folder = pathlib.Path(folder)
            if not self.folder.is_dir():
                raise BadFileError(folder, "is no folder", _DEPTH_CURE)
            sha256 = content_hash(self.folder, ".npy")
            self.described = f"npy, sha256 {sha256}"
        elif text not in ("pipeline", "none"):
            known = "depth comes from pipeline, none or npy:FOLDER"
            raise ConfigurationError(f"{known}, not from {text!r}")

    def maps(
        self, names: Sequence[str], shape: tuple[int, int]
    ) -> np.ndarray | None:
        """The depth of n pictures, in a height and width.

        Returns `(n, height, width)` float32, larger is nearer; only differences
        count. None leaves it to the generator. Raises BadFileError where the
        depth of a picture cannot be read.
        """
        if self.kind == "pipeline":
            return None
        if self.kind == "npy":
            return np.stack([self._map(name, *shape) for name in names])
        # The generator divides by the range of the depth, so that a plane
        # without one other pixel becomes NaN.
        planes = np.zeros((len(names), *shape), np.float32)
        planes[:, -1, -1] = 1
        return planes

    def _map(self, name, height, width):
        import cv2

        path = self.folder / f"{name}.npy"
        with reading(path, "cannot be read as depth", _DEPTH_CURE):
            # The header's size is not believed: what is there decides.
            depth = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
        if depth.ndim != 2 or not depth.size or depth.dtype.kind not in "fiu":
            problem = f"is {depth.shape} {depth.dtype}, not a map"
            raise BadFileError(path, problem, _DEPTH_CURE)
        depth = depth.astype(np.float32)
        if not np.isfinite(depth).all() or np.ptp(depth) == 0:
            problem = "has gaps, or the same depth everywhere"
            cure = "fill the gaps, or go without depth (--depth none)"
            raise BadFileError(path, problem, cure)
        return cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA)


class DiffusersGenerator:
    """A StableDiffusionDepth2ImgPipeline, loaded once.

    The model is a local folder as diffusers saves it, or `owner/name` on
    Hugging Face's hub, which is downloaded; `strength` the share of noise that
    is added, above 0 up to 1 (as many of the `steps` of the whole schedule are
    taken); `guidance` the weight of the prompt (classifier-free guidance);
    `size` the pixels of the longer side that the network sees: outputs are
    scaled back to their frames' size.

    Takes a GPU where there is one. What a generator has says
    `keras_pain.augment.run.PictureRun`.

    Raises ConfigurationError where a setting is out of range, the negative
    prompt longer than the model reads, or the extra is not installed;
    BadFileError where the folder is no such model, or lacks weights, or the hub
    does not hand it out.
    """

    method = "gsff"
    reads_prompts = True

    def __init__(
        self,
        model: str | os.PathLike,
        *,
        strength: float = STRENGTH,
        guidance: float = GUIDANCE,
        steps: int = STEPS,
        negative_prompt: str = NEGATIVE_PROMPT,
        size: int = SIZE,
        depth: Depth | None = None,
    ):
        if not 0 < strength <= 1 or steps < 1 or int(steps * strength) < 1:
            raise ConfigurationError(
                "strength must be above 0 and up to 1 and leave at least one "
                f"of the steps, got strength {strength} and {steps} steps"
            )
        if size < _MULTIPLE or size % _MULTIPLE:
            text = f"size must be a multiple of {_MULTIPLE}, got {size}"
            raise ConfigurationError(text)
        self.depth = depth or Depth()
        self._torch = torch = _import_torch()
        folder = _find(model)
        sha256 = model_hash(folder)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        # Half precision as released; processors are slower with it.
        dtype = "float32" if self._device == "cpu" else "float16"
        self._pipeline = _load(folder, getattr(torch, dtype), self._device)
        count = self.count_tokens(negative_prompt)
        if count > LIMIT:
            raise ConfigurationError(
                f"the negative prompt has {count} tokens, of which the model "
                f"reads {LIMIT}; give a shorter --negative_prompt"
            )
        model = {"model": pathlib.Path(model).name, "model_sha256": sha256}
        way = {"strength": strength, "guidance": guidance, "steps": steps}
        self.parameters = {"generator": "diffusers", **model, **way}
        self.parameters |= {"negative_prompt": negative_prompt, "size": size}
        self.parameters |= {"depth": self.depth.described, "dtype": dtype}
        self.versions = {n: importlib.metadata.version(n) for n in PACKAGES}

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the model's own tokenizer, ends included."""
        return len(self._pipeline.tokenizer(text, verbose=False).input_ids)

    def generate(self, frames, points, seeds, prompts, names):
        """See `PictureRun`."""
        from PIL import Image

        torch, settings = self._torch, self.parameters
        smooth = Image.Resampling.LANCZOS
        frame_size = frames.shape[2], frames.shape[1]
        scale = settings["size"] / max(frame_size) / _MULTIPLE
        wanted = [max(round(n * scale), 1) * _MULTIPLE for n in frame_size]
        # The pipeline brings the map to the size of its latents anyway.
        factor = self._pipeline.vae_scale_factor
        wide, high = (side // factor for side in wanted)
        depth = self.depth.maps(names, (high, wide))
        images = [Image.fromarray(f).resize(wanted, smooth) for f in frames]
        draws = [torch.Generator(self._device).manual_seed(s) for s in seeds]
        try:
            with warnings.catch_warnings():
                # Autocast says that it does nothing in full precision.
                warnings.filterwarnings("ignore", message=".*autocast.*")
                outputs = self._pipeline(
                    prompt=prompts,
                    negative_prompt=[settings["negative_prompt"]] * len(frames),
                    image=images,
                    depth_map=None if depth is None else torch.tensor(depth),
                    strength=settings["strength"],
                    guidance_scale=settings["guidance"],
                    num_inference_steps=settings["steps"],
                    generator=draws,
                ).images
        except torch.OutOfMemoryError as error:
            raise ConfigurationError(
                f"the GPU has too little memory for {len(frames)} pictures of "
                f"{settings['size']} pixels; take a smaller --batch or --size"
            ) from error
        return [np.array(x.resize(frame_size, smooth)) for x in outputs]


def _import_torch():
    try:
        import accelerate  # noqa: F401
        import diffusers
        import torch
        import transformers
    except ImportError as error:
        raise ConfigurationError(
            f"the generator diffusers needs the package {error.name}: pip "
            "install 'keras-pain[gsff]'; or take --generator geometric, which "
            "needs no model"
        ) from error
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    return torch


def _find(model):
    """The model's folder, downloaded where it is named by its place."""
    if pathlib.Path(model).exists() or not _HUB_ID.fullmatch(os.fspath(model)):
        return model
    from diffusers import DiffusionPipeline

    problem = "is neither a folder nor to be had from Hugging Face"
    cure = "give the folder of a model with --generator diffusers:FOLDER"
    with reading(model, problem, cure):
        return DiffusionPipeline.download(os.fspath(model))


def _load(folder, dtype, device):
    from diffusers import StableDiffusionDepth2ImgPipeline

    load = StableDiffusionDepth2ImgPipeline.from_pretrained
    with reading(folder, "diffusers cannot load it", "copy the model anew"):
        pipeline = load(folder, dtype=dtype, local_files_only=True).to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def weight_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files that diffusers loads a network from, by the network's folder.

    Safetensors where there are any, else PyTorch files; not those of a
    variant, e.g. `model.fp16.safetensors`.
    """
    for ending in ("safetensors", "bin"):
        kinds = ([f".{ending}"], [f"-of-{ending}"])
        files = sorted(folder.glob(f"*.{ending}"))
        if files := [path for path in files if path.suffixes in kinds]:
            return files
    return []


def model_hash(folder: str | os.PathLike) -> str:
    """One hash for all that decides what a depth-to-image pipeline puts out.

    SHA-256 over the names and contents of the weights, configurations and
    vocabularies of a folder as diffusers saves it, 64 hexadecimal digits.

    Raises BadFileError where it is no folder, holds another kind of pipeline,
    or the weights of a network are missing.
    """
    bad = functools.partial(BadFileError, folder, cure=_MODEL_CURE)
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise bad("is no folder")
    with reading(folder, f"holds no {INDEX} that can be read", _MODEL_CURE):
        index = json.loads((folder / INDEX).read_bytes())
        kind = index["_class_name"]
    if kind != CLASS_NAME:
        raise bad(f"is a {kind}, not a {CLASS_NAME}")
    for network in _NETWORKS:
        files = weight_files(folder / network)
        if not files:
            raise bad(f"has no weights of the {network}")
        for path in files:
            with open(path, "rb") as stream:
                start = stream.read(len(_GIT_LFS))
            if start == _GIT_LFS:
                cure = "fetch them with git lfs pull"
                problem = "is a pointer of Git LFS, not the weights"
                raise BadFileError(path, problem, cure)
    digest = hashlib.sha256()
    for part in (folder / name for name in sorted(index)):
        files = weight_files(part) + sorted(part.glob("*.json"))
        for path in files + sorted(part.glob("*.txt")):
            place = path.relative_to(folder).as_posix()
            digest.update(f"{place} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
