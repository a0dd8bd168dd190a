# transformers computes RMSNorm, RoPE and the attention softmax in float32 whatever the model's dtype.
# These replacements follow the input's dtype, so that a float64 model is float64 throughout.
from contextlib import contextmanager

import torch
from transformers.models.llama import modeling_llama as llama


def rms_norm(self, x):
    variance = x.pow(2).mean(-1, keepdim=True)
    return self.weight * (x * torch.rsqrt(variance + self.variance_epsilon))


@torch.no_grad()
def rotary(self, x, position_ids):
    config = self.config
    dim = config.head_dim
    exponents = torch.arange(0, dim, 2, dtype=torch.float64) / dim
    angles = position_ids[..., None].double() / config.rope_parameters["rope_theta"] ** exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    key = llama.repeat_kv(key, module.num_key_value_groups)
    value = llama.repeat_kv(value, module.num_key_value_groups)
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    probabilities = scores.softmax(-1)
    return (probabilities @ value).transpose(1, 2).contiguous(), probabilities


@contextmanager
def double_precision():
    saved = (
        llama.LlamaRMSNorm.forward,
        llama.LlamaRotaryEmbedding.forward,
        llama.eager_attention_forward,
    )
    llama.LlamaRMSNorm.forward = rms_norm
    llama.LlamaRotaryEmbedding.forward = rotary
    llama.eager_attention_forward = attention
    try:
        yield
    finally:
        (
            llama.LlamaRMSNorm.forward,
            llama.LlamaRotaryEmbedding.forward,
            llama.eager_attention_forward,
        ) = saved
