"""Writes fused.gguf and fused.json: a Llama with YaRN whose q, k and v llama.cpp's own converter fused, and the tensors and
next-token probabilities of transformers.

llama.cpp's sources (v0.5.0) come with node-llama-cpp 3.22.1:
    git clone node_modules/node-llama-cpp/llama/gitRelease.bundle llama.cpp
    python tests/golden/gguf/fused.py llama.cpp
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from vocabulary import train_vocabulary

HERE = Path(__file__).parent
TOKENS = [1, 300, 301, 302, 303, 40, 41, 42, 43, 300]
words = train_vocabulary()
torch.manual_seed(5)
config = LlamaConfig(
    vocab_size=len(words), hidden_size=32, intermediate_size=40, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, tie_word_embeddings=True, max_position_embeddings=256, initializer_range=0.5,
    rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
    },
)  # fmt: skip
model = LlamaForCausalLM(config).to(torch.float16).to(torch.float32)
with tempfile.TemporaryDirectory() as folder:
    model.to(torch.float16).save_pretrained(folder)
    Path(folder, "tokenizer.model").write_bytes(words.serialized_model_proto())
    out = str(HERE / "fused.gguf")
    converter = Path(sys.argv[1], "convert_hf_to_gguf.py")
    command = [sys.executable, converter, folder, "--outfile", out, "--outtype", "f16", "--fuse-qkv"]
    subprocess.run([*command, "--model-name", "Fused"], check=True)
model = model.to(torch.float32)
with torch.no_grad():
    probabilities = model(torch.tensor([TOKENS])).logits[0, -1].softmax(-1)
top = probabilities.topk(5)
tensors = {
    name: hashlib.sha256(np.ascontiguousarray(tensor.numpy()).tobytes()).hexdigest()
    for name, tensor in model.state_dict().items()
    if name != "lm_head.weight"
}
result = {"tokens": TOKENS, "top": list(zip(top.indices.tolist(), top.values.tolist())), "tensors": tensors}
(HERE / "fused.json").write_text(json.dumps(result) + "\n")
