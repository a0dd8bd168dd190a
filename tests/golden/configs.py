# Makes configs.json: how transformers reads the config.json of real models, and of one with the fewest keys per class.
# Run: python tests/golden/configs.py (versions: requirements.txt)
import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent

LLAMA3 = {
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3",
}


def sizes(vocab, hidden, intermediate, layers, heads, key_heads, longest, eps=1e-6):
    return {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "max_position_embeddings": longest,
        "rms_norm_eps": eps,
    }


def published(model_type, architecture, dtype="bfloat16", **config):
    return {"architectures": [architecture], "model_type": model_type, "torch_dtype": dtype} | config


GEMMA = dict(
    attention_bias=False, head_dim=256, hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=256
)
GEMMA3 = GEMMA | dict(
    attn_logit_softcapping=None,
    final_logit_softcapping=None,
    rope_local_base_freq=10000.0,
    rope_scaling=None,
    rope_theta=1000000.0,
    sliding_window=512,
)
PHI3 = dict(attention_bias=False, original_max_position_embeddings=4096, rope_theta=10000.0)
QWEN3 = dict(attention_bias=False, head_dim=128, rope_scaling=None, rope_theta=1000000, use_sliding_window=False)

# The fields that determine the arithmetic, as in the files on the hub (transformers 4 wrote most).
MODELS = {
    "Llama-2-7b": published(
        "llama", "LlamaForCausalLM", "float16", rope_scaling=None, pretraining_tp=1,
        **sizes(32000, 4096, 11008, 32, 32, 32, 4096, 1e-5),
    ),
    "TinyLlama-1.1B": published(
        "llama", "LlamaForCausalLM", rope_theta=10000.0, tie_word_embeddings=False,
        **sizes(32000, 2048, 5632, 22, 32, 4, 2048, 1e-5),
    ),
    "SmolLM2-135M": published(
        "llama", "LlamaForCausalLM", attention_bias=False, rope_interleaved=False, rope_scaling=None,
        rope_theta=100000, tie_word_embeddings=True, **sizes(49152, 576, 1536, 30, 9, 3, 8192, 1e-5),
    ),
    "Llama-3.1-8B": published(
        "llama", "LlamaForCausalLM", mlp_bias=False, rope_scaling={"factor": 8.0} | LLAMA3,
        rope_theta=500000.0, **sizes(128256, 4096, 14336, 32, 32, 8, 131072, 1e-5),
    ),
    "Llama-3.2-1B": published(
        "llama", "LlamaForCausalLM", head_dim=64, rope_scaling={"factor": 32.0} | LLAMA3,
        rope_theta=500000.0, tie_word_embeddings=True, **sizes(128256, 2048, 8192, 16, 32, 8, 131072, 1e-5),
    ),
    "a Llama stretched linearly": published(
        "llama", "LlamaForCausalLM", rope_scaling={"type": "linear", "factor": 4.0},
        **sizes(32000, 512, 1024, 2, 8, 8, 16384),
    ),
    "Mistral-7B-v0.1": published(
        "mistral", "MistralForCausalLM", hidden_act="silu", rope_theta=10000.0, sliding_window=4096,
        **sizes(32000, 4096, 14336, 32, 32, 8, 32768, 1e-5),
    ),
    "Mistral-7B-v0.3": published(
        "mistral", "MistralForCausalLM", rope_theta=1000000.0, sliding_window=None,
        **sizes(32768, 4096, 14336, 32, 32, 8, 32768, 1e-5),
    ),
    "Qwen2.5-0.5B": published(
        "qwen2", "Qwen2ForCausalLM", max_window_layers=24, rope_theta=1000000.0, sliding_window=32768,
        tie_word_embeddings=True, use_mrope=False, use_sliding_window=False,
        **sizes(151936, 896, 4864, 24, 14, 2, 32768),
    ),
    "Qwen3-0.6B": published(
        "qwen3", "Qwen3ForCausalLM", max_window_layers=28, sliding_window=None, tie_word_embeddings=True,
        **QWEN3, **sizes(151936, 1024, 3072, 28, 16, 8, 40960),
    ),
    "Qwen2.5-7B with YaRN": published(
        "qwen2", "Qwen2ForCausalLM", max_window_layers=28, rope_theta=1000000.0, sliding_window=131072,
        rope_scaling={"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"},
        tie_word_embeddings=False, use_sliding_window=False,
        **sizes(152064, 3584, 18944, 28, 28, 4, 32768),
    ),
    "Qwen3-8B with YaRN": published(
        "qwen3", "Qwen3ForCausalLM", max_window_layers=36, sliding_window=None, tie_word_embeddings=False,
        **QWEN3 | {"rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "rope_type": "yarn"}},
        **sizes(151936, 4096, 12288, 36, 32, 8, 131072),
    ),
    "Yarn-Llama-2-7b-64k": published(
        "llama", "LlamaForCausalLM",
        rope_scaling={"factor": 16.0, "finetuned": True, "original_max_position_embeddings": 4096, "type": "yarn"},
        **sizes(32000, 4096, 11008, 32, 32, 32, 65536, 1e-5),
    ),
    # All keys of YaRN, made up; no ramp at all; a factor from the lengths.
    "YaRN with every key": published(
        "llama", "LlamaForCausalLM", rope_theta=50000.0,
        rope_scaling={
            "beta_fast": 24, "beta_slow": 2, "factor": 8.0, "mscale": 1.0, "mscale_all_dim": 0.5,
            "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": False,
        },
        **sizes(32000, 1024, 2048, 2, 8, 8, 32768, 1e-5),
    ),
    "YaRN with an attention factor": published(
        "llama", "LlamaForCausalLM", rope_theta=10000.0,
        rope_scaling={
            "attention_factor": 1.5, "factor": None, "original_max_position_embeddings": 64, "rope_type": "yarn",
        },
        **sizes(32000, 64, 128, 2, 8, 8, 1024, 1e-5),
    ),
    "SmolLM3-3B": published(
        "smollm3", "SmolLM3ForCausalLM", attention_bias=False, mlp_bias=False, max_window_layers=28,
        layer_types=["full_attention"] * 36, no_rope_layer_interval=4, no_rope_layers=[1, 1, 1, 0] * 9,
        rope_scaling=None, rope_theta=5000000.0, sliding_window=None, use_sliding_window=False,
        **sizes(128256, 2048, 11008, 36, 16, 4, 65536),
    ),
    "Gemma-2-2B": published(
        "gemma2", "Gemma2ForCausalLM", "float32", attn_logit_softcapping=50.0, cache_implementation="hybrid",
        final_logit_softcapping=30.0, hidden_act="gelu_pytorch_tanh", rope_theta=10000.0, sliding_window=4096,
        **GEMMA, **sizes(256000, 2304, 9216, 26, 8, 4, 8192),
    ),
    "Gemma-3-270M": published(
        "gemma3_text", "Gemma3ForCausalLM", _sliding_window_pattern=6, use_bidirectional_attention=False,
        layer_types=(["sliding_attention"] * 5 + ["full_attention"]) * 3,
        **GEMMA3, **sizes(262144, 640, 2048, 18, 4, 1, 32768),
    ),
    "Gemma-3-1B": published(
        "gemma3_text", "Gemma3ForCausalLM", cache_implementation="hybrid", sliding_window_pattern=6,
        **GEMMA3, **sizes(262144, 1152, 6912, 26, 4, 1, 32768),
    ),
    "Phi-3-mini-4k": published(
        "phi3", "Phi3ForCausalLM", rope_scaling=None, sliding_window=2047,
        **PHI3, **sizes(32064, 3072, 8192, 32, 32, 32, 4096, 1e-5),
    ),
    # Its factors are made up.
    "Phi-3-mini-128k": published(
        "phi3", "Phi3ForCausalLM", sliding_window=262144,
        rope_scaling={
            "long_factor": [1 + i for i in range(48)],
            "short_factor": [1 + i / 32 for i in range(48)],
            "type": "longrope",
        },
        **PHI3, **sizes(32064, 3072, 8192, 32, 32, 32, 131072, 1e-5),
    ),
}  # fmt: skip

FEWEST = {
    "vocab_size": 131072,  # beyond each default of pad_token_id
    "hidden_size": 256,
    "intermediate_size": 128,
    "num_hidden_layers": 30,
    "num_attention_heads": 32,
}
CLASSES = ["llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma2", "gemma3_text", "phi3"]


# Rules for layers that no model above follows.
RULES = {
    "a Qwen2 whose upper layers slide": {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 64},
    "a SmolLM3 that slides where it does not turn": {
        "model_type": "smollm3", "use_sliding_window": True, "sliding_window": 64, "no_rope_layer_interval": 3,
    },
    "a Gemma 3 stretched linearly": {
        "model_type": "gemma3_text", "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "sliding_window_pattern": 4,
    },
}  # fmt: skip


def class_of(model_type):
    return transformers.models.auto.configuration_auto.CONFIG_MAPPING[model_type]


def derived(given):
    config = class_of(given["model_type"]).from_dict(given)
    dtype = config.dtype or torch.bfloat16  # from_config replaces it
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    attention = model.model.layers[0].self_attn
    embedding_scale = getattr(model.model.embed_tokens, "scalar_embed_scale", 1.0)
    norm = model.model.norm
    return {
        "architecture": type(model).__name__,
        "headDim": attention.head_dim,
        "numKeyValueHeads": config.num_key_value_heads,
        "maxPositionEmbeddings": config.max_position_embeddings,
        "rmsNormEps": getattr(norm, "variance_epsilon", None) or norm.eps,
        "tieWordEmbeddings": config.tie_word_embeddings,
        "attentionScale": attention.scaling,
        "attentionSoftcap": getattr(attention, "attn_logit_softcapping", None),
        "logitSoftcap": getattr(config, "final_logit_softcapping", None),
        "activation": getattr(config, "hidden_activation", None) or config.hidden_act,
        "embeddingScale": torch.tensor(embedding_scale).to(dtype).item(),
        "slidingWindow": config.sliding_window if "sliding_attention" in layer_types(config) else None,
        "layerTypes": layer_types(config),
        "noRopeLayers": [i for i, has in enumerate(getattr(config, "no_rope_layers", [])) if not has],
        "ropes": ropes(model, config),
        "tensors": {
            name: list(weight.shape)
            for name, weight in model.named_parameters()
            if ".layers." not in name or ".layers.0." in name
        },
    }


def layer_types(config):
    # Mistral and Phi-3 request only the window (create_sliding_window_causal_mask in their models).
    everywhere = config.model_type in ("mistral", "phi3") and config.sliding_window is not None
    usual = "sliding_attention" if everywhere else "full_attention"
    return getattr(config, "layer_types", None) or [usual] * config.num_hidden_layers


def ropes(model, config):
    made = type(model.model.rotary_emb)(config=config)
    if config.model_type == "gemma3_text":
        return [
            {
                "frequencies": getattr(made, f"{kind}_attention_inv_freq").tolist(),
                "factor": getattr(made, f"{kind}_attention_attention_scaling"),
            }
            for kind in ("full", "sliding")
        ]
    return [{"frequencies": made.inv_freq.tolist(), "factor": made.attention_scaling}]


def main():
    transformers.logging.set_verbosity_error()
    fewest = {f"the fewest keys of {name}": {"model_type": name} | FEWEST for name in CLASSES}
    rules = {name: FEWEST | given for name, given in RULES.items()}
    versions = {module.__name__: module.__version__ for module in (torch, transformers)}
    cases = [
        json.dumps({"name": name, "config": config, "derived": derived(config)}, separators=(",", ":"))
        for name, config in (MODELS | fewest | rules).items()
    ]
    rows = ",\n    ".join(cases)
    (HERE / "configs.json").write_text(
        f'{{\n  "versions": {json.dumps(versions)},\n  "cases": [\n    {rows}\n  ]\n}}\n'
    )


if __name__ == "__main__":
    main()
