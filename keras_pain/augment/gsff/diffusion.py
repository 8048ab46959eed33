"""The generator of GSFF: depth-guided image-to-image diffusion.

Stable Diffusion 2 depth (Rombach et al., CVPR 2022, and its model card)
through the library diffusers, an optional extra. The model was taken off its
first place on Hugging Face in November 2025; any folder or repository that
holds it will do.
"""

import importlib.metadata
import os
import pathlib
import re
import warnings

import numpy as np

from keras_pain.augment.gsff import released, weights
from keras_pain.augment.gsff.depth import DepthSource, PipelineDepth
from keras_pain.augment.gsff.generators import Batch
from keras_pain.augment.gsff.tokens import LIMIT
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

PACKAGES = ("torch", "diffusers", "transformers")
# The VAE and the UNet each halve the size three times.
_MULTIPLE = 64
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class DiffusersGenerator:
    """A StableDiffusionDepth2ImgPipeline, loaded once.

    Args:
        model: Local folder as diffusers saves it, or `owner/name` on Hugging
            Face's hub, which is downloaded.
        strength: Share of the noise that is added, above 0 up to 1; as many
            of the steps are taken.
        guidance: Weight of the prompt (classifier-free guidance).
        steps: Steps of the whole schedule.
        negative_prompt: What to lead away from.
        size: Pixels of the longer side that the network sees; outputs are
            scaled back to their frames' size.
        depth: Where the depth map is from.
        device: torch's name of a device; None takes a GPU where there is one.

    Raises:
        ConfigurationError: A setting is out of range, the negative prompt
            longer than the model reads, or the extra is not installed.
        BadFileError: The folder is no such model, or lacks weights.
        KerasPainError: The hub does not hand it out.
    """

    method = "gsff"
    reads_prompts = True

    def __init__(
        self,
        model: str | os.PathLike,
        *,
        strength: float = released.STRENGTH,
        guidance: float = released.GUIDANCE,
        steps: int = released.STEPS,
        negative_prompt: str = released.NEGATIVE_PROMPT,
        size: int = released.SIZE,
        depth: DepthSource | None = None,
        device: str | None = None,
    ):
        if not 0 < strength <= 1 or steps < 1 or int(steps * strength) < 1:
            raise ConfigurationError(
                "strength must be above 0 and up to 1 and leave at least one "
                f"of the steps, got strength {strength} and {steps} steps"
            )
        if size < _MULTIPLE or size % _MULTIPLE:
            raise ConfigurationError(
                f"size must be a multiple of {_MULTIPLE}, got {size}"
            )
        self.strength, self.guidance, self.steps = strength, guidance, steps
        self.negative_prompt, self.size = negative_prompt, size
        self.depth = PipelineDepth() if depth is None else depth
        self._torch = _import_torch()
        folder = _find(model)
        self.model_sha256 = weights.model_hash(folder)
        self._name = pathlib.Path(model).name
        cuda = self._torch.cuda.is_available()
        self.device = device or ("cuda" if cuda else "cpu")
        # Half precision as released; processors are slower with it.
        self.dtype = "float32" if self.device == "cpu" else "float16"
        self._pipeline = _load(
            folder, getattr(self._torch, self.dtype), self.device
        )
        count = self.count_tokens(negative_prompt)
        if count > LIMIT:
            raise ConfigurationError(
                f"the negative prompt has {count} tokens, of which the model "
                f"reads {LIMIT}; give a shorter --negative_prompt"
            )

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the model's own tokenizer, ends included."""
        return len(self._pipeline.tokenizer(text, verbose=False).input_ids)

    def describe(self) -> dict:
        """See `Generator.describe`."""
        return {
            "generator": "diffusers",
            "model": self._name,
            "model_sha256": self.model_sha256,
            "strength": self.strength,
            "guidance": self.guidance,
            "steps": self.steps,
            "negative_prompt": self.negative_prompt,
            "size": self.size,
            "depth": self.depth.describe(),
            "dtype": self.dtype,
        }

    def versions(self) -> dict[str, str]:
        """See `Generator.versions`."""
        return {name: importlib.metadata.version(name) for name in PACKAGES}

    def generate(self, batch: Batch) -> list[np.ndarray]:
        """See `Generator.generate`."""
        from PIL import Image

        height, width = batch.frames.shape[1:3]
        scale = self.size / max(height, width)
        wanted = [
            max(round(side * scale / _MULTIPLE), 1) * _MULTIPLE
            for side in (width, height)
        ]
        images = [
            Image.fromarray(frame).resize(wanted, Image.Resampling.LANCZOS)
            for frame in batch.frames
        ]
        outputs = self._run(batch, images)
        return [
            np.array(image.resize((width, height), Image.Resampling.LANCZOS))
            for image in outputs
        ]

    def _run(self, batch: Batch, images: list) -> list:
        torch = self._torch
        # The pipeline brings the map to the size of its latents anyway.
        shrink = self._pipeline.vae_scale_factor
        wide, high = (side // shrink for side in images[0].size)
        depth = self.depth.maps(batch.names, (high, wide))
        try:
            with warnings.catch_warnings():
                # Autocast says that it does nothing in full precision.
                warnings.filterwarnings("ignore", message=".*autocast.*")
                return self._pipeline(
                    prompt=list(batch.prompts),
                    negative_prompt=[self.negative_prompt] * len(images),
                    image=images,
                    depth_map=None if depth is None else torch.tensor(depth),
                    strength=self.strength,
                    guidance_scale=self.guidance,
                    num_inference_steps=self.steps,
                    generator=[
                        torch.Generator(self.device).manual_seed(seed)
                        for seed in batch.seeds
                    ],
                ).images
        except torch.OutOfMemoryError as error:
            raise KerasPainError(
                f"the GPU has too little memory for {len(images)} pictures of "
                f"{self.size} pixels; take a smaller --batch or --size"
            ) from error


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


def _find(model: str | os.PathLike) -> pathlib.Path:
    """The model's folder, downloaded where it is named by its place."""
    if pathlib.Path(model).exists() or not _HUB_ID.fullmatch(os.fspath(model)):
        return weights.check_model_folder(model)
    from diffusers import DiffusionPipeline

    try:
        folder = DiffusionPipeline.download(os.fspath(model))
    except Exception as error:  # the hub's many errors, and those of the net
        raise KerasPainError(
            f"{model}: is neither a folder nor to be had from Hugging Face "
            f"({_first_line(error)}); give the folder of a model with "
            "--generator diffusers:FOLDER"
        ) from error
    return weights.check_model_folder(folder)


def _load(folder: pathlib.Path, dtype, device: str):
    from diffusers import StableDiffusionDepth2ImgPipeline

    try:
        pipeline = StableDiffusionDepth2ImgPipeline.from_pretrained(
            folder, dtype=dtype, local_files_only=True
        ).to(device)
    except Exception as error:  # each of its libraries has errors of its own
        raise BadFileError(
            folder,
            f"diffusers cannot load it ({_first_line(error)})",
            "copy the model anew",
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]
