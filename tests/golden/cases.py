# The tiny models that make.py trains: every architecture and each of its peculiarities, small enough to commit.
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FUSED_MODULES = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]

CASES = {
    # config.json as transformers 5 writes it, with rope_parameters.
    "gqa-untied": {
        "seed": 11,
        "rank": 4,
        "alpha": 8,
        "b_std": 0.02,
        "head_std": 0.14,  # puts the gradient norm on both sides of the clip
        "class": LlamaConfig,
        "config": dict(
            vocab_size=96,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,
            intermediate_size=48,
            tie_word_embeddings=False,
            rope_theta=10000.0,
            rms_norm_eps=1e-5,
        ),
    },
    # config.json as transformers 4 wrote it (most files on the hub): rope_theta, torch_dtype, no head_dim.
    "mha-tied": {
        "seed": 23,
        "rank": 3,
        "alpha": 6,
        "b_std": 0.0,
        "class": LlamaConfig,
        "config": dict(
            vocab_size=80,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=3,
            head_dim=8,
            intermediate_size=40,
            tie_word_embeddings=True,
            rope_theta=500000.0,
            rms_norm_eps=1e-6,
        ),
    },
}


def architecture(config_class, seed, without, modules=MODULES, **config):
    """
    A case that uses every feature of its class. Vectors are far from 0 and 1, prompts longer than any window.

    without: config changes that remove a peculiarity; each must change the logits (make.py checks it).
    """
    return {
        "seed": seed,
        "rank": 4,
        "alpha": 8,
        "b_std": 0.05,
        "norm_std": 0.3,
        "head_std": 0.14,
        "prompt": (10, 13),
        "class": config_class,
        "modules": modules,
        "without": without,
        "config": dict(
            vocab_size=96,
            hidden_size=32,
            intermediate_size=40,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=[94, 95],
            pad_token_id=0,
        )
        | config,
    }


def rope(theta, kind="default", **scaling):
    return {"rope_type": kind, "rope_theta": theta} | scaling


# Wavelengths from 6 to 4600 tokens: two frequencies stay, one is between, five are divided.
LLAMA3 = dict(
    factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64
)
LONGROPE = dict(
    short_factor=[1.0, 1.1, 1.3, 1.8], long_factor=[1.5, 2.0, 4.0, 8.0], original_max_position_embeddings=32
)
GEMMA3_ROPE = {
    "sliding_attention": rope(10000.0),
    "full_attention": rope(1000000.0, "linear", factor=4.0),
}

CASES |= {
    "llama3-rope": architecture(
        LlamaConfig,
        31,
        [{"rope_parameters": rope(1000.0)}],
        num_hidden_layers=2,
        head_dim=16,
        max_position_embeddings=512,
        rope_parameters=rope(1000.0, "llama3", **LLAMA3),
        tie_word_embeddings=True,
    ),
    "linear-rope": architecture(
        LlamaConfig,
        32,
        [{"rope_parameters": rope(10000.0)}],
        num_hidden_layers=1,
        rope_parameters=rope(10000.0, "linear", factor=2.5),
    ),
    "yarn-rope": architecture(
        LlamaConfig,
        43,
        [{"rope_parameters": rope(10000.0)}, {"rope_parameters": rope(10000.0, "linear", factor=4.0)}],
        num_hidden_layers=1,
        head_dim=16,
        max_position_embeddings=256,
        rope_parameters=rope(10000.0, "yarn", factor=4.0, original_max_position_embeddings=64),
    ),
    "mistral": architecture(
        MistralConfig,
        33,
        [{"sliding_window": None}],
        num_hidden_layers=2,
        max_position_embeddings=64,
        sliding_window=5,
        rms_norm_eps=1e-5,
    ),
    "qwen2": architecture(
        Qwen2Config,
        34,
        [{"layer_types": ["full_attention"] * 3}],
        num_hidden_layers=3,
        max_position_embeddings=64,
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
        tie_word_embeddings=True,
    ),
    "qwen3": architecture(
        Qwen3Config,
        35,
        [],
        num_hidden_layers=2,
        head_dim=16,
        max_position_embeddings=64,
        rope_parameters=rope(1000000.0),
        tie_word_embeddings=True,
    ),
    "smollm3": architecture(
        SmolLM3Config,
        36,
        [{"no_rope_layers": [1, 1, 1, 1]}],
        num_hidden_layers=4,
        max_position_embeddings=64,
        no_rope_layer_interval=2,
    ),
    "gemma2": architecture(
        Gemma2Config,
        37,
        [
            {"attn_logit_softcapping": None},
            {"final_logit_softcapping": None},
            {"query_pre_attn_scalar": 16},
            {"hidden_activation": "silu"},
            {"layer_types": ["full_attention"] * 3},
        ],
        num_hidden_layers=3,
        head_dim=16,
        max_position_embeddings=64,
        query_pre_attn_scalar=24,
        attn_logit_softcapping=1.5,
        final_logit_softcapping=4.0,
        sliding_window=5,
    ),
    "gemma3": architecture(
        Gemma3TextConfig,
        38,
        [
            {"rope_parameters": GEMMA3_ROPE | {"full_attention": rope(1000000.0)}},
            {"rope_parameters": {"sliding_attention": rope(1000000.0), "full_attention": rope(10000.0)}},
            {"layer_types": ["full_attention"] * 4},
        ],
        num_hidden_layers=4,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
        query_pre_attn_scalar=20,
        sliding_window=4,
        layer_types=["sliding_attention"] * 2 + ["full_attention", "sliding_attention"],
        rope_parameters=GEMMA3_ROPE,
    ),
    "phi3": architecture(
        Phi3Config,
        39,
        [{"sliding_window": None}],
        FUSED_MODULES,
        num_hidden_layers=2,
        max_position_embeddings=64,
        original_max_position_embeddings=64,
        sliding_window=6,
    ),
    "phi3-longrope": architecture(
        Phi3Config,
        40,
        [{"rope_parameters": rope(10000.0) | {"partial_rotary_factor": 1.0}}],
        FUSED_MODULES,
        num_hidden_layers=1,
        max_position_embeddings=512,
        original_max_position_embeddings=32,
        rope_parameters=rope(10000.0, "longrope", **LONGROPE),
    ),
}
