"""A depth-to-image pipeline of a few kilobytes with random weights."""

import warnings


def save_tiny_pipeline(folder):
    """Saves a pipeline as diffusers does, every network as small as it goes.

    Its tokenizer knows single characters only.
    """
    import diffusers
    import torch
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    ends = ["<|startoftext|>", "<|endoftext|>"]
    signs = [chr(code) for code in range(33, 127)]
    words = [*signs, *(f"{sign}</w>" for sign in signs), *ends]
    tokenizer = transformers.CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        model_max_length=77,
    )
    small = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
    }
    text = transformers.CLIPTextConfig(
        **small,
        vocab_size=len(words),
        num_hidden_layers=1,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
        pad_token_id=len(words) - 1,
    )
    depth = transformers.DPTConfig(
        **small,
        num_hidden_layers=4,
        image_size=32,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
    )
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=5,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=[8, 8, 8, 8],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=64,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diffusers.StableDiffusionDepth2ImgPipeline(
            vae=vae,
            text_encoder=transformers.CLIPTextModel(text),
            tokenizer=tokenizer,
            unet=unet,
            scheduler=diffusers.DDIMScheduler(),
            depth_estimator=transformers.DPTForDepthEstimation(depth),
            feature_extractor=transformers.DPTImageProcessor(
                size={"height": 32, "width": 32}
            ),
        ).save_pretrained(folder)
    return folder
