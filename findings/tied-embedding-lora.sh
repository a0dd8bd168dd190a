#!/usr/bin/env bash
# A LoRA on the embedding of a tied model is one model in PEFT, another once it is merged.
# Software: peft 0.21.2, mlx 0.32.4 (CPU), mlx-lm 0.32.2, transformers 5.24.0, torch 2.13.0.
# Expected: PEFT, PEFT merged and mlx-lm compute the same from the same A and B.
# Behaviour: with tied embeddings PEFT adds the LoRA to the embedding only, not to the head.
#   merge_and_unload writes into the shared tensor, so the head changes too.
#   mlx-lm adds the LoRA to the embedding and to the head, like the merged model.
#   PEFT warns about tied modules; the message does not say that the function changes.
# Why it matters: the loss of such a training run does not hold for the merged model.
#   Nor does it hold in MLX. An export should refuse the pair or untie the model first.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-29 <<'END'
base, mlx-lm equals transformers: True
with adapter, mlx-lm equals PEFT: False
PEFT merged equals PEFT: False
PEFT merged equals mlx-lm: True
PEFT merged is far from PEFT: True
merged model still tied: True
A and B added to embedding and head, equals mlx-lm: True
END
run "$PY" - <<'END'
import json, os, pathlib
import mlx.core as mx, numpy as np, torch
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model
from peft import LoraConfig, get_peft_model
from tiny import Heard, llama, stir

ids = [1, 5, 9, 13]

def of_torch(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].numpy()

def of_mlx(model):
    return np.array(model(mx.array([ids]))[0].astype(mx.float32))

def same(a, b):
    return bool(np.abs(a - b).max() < 1e-3)

with Heard():
    model = llama(tied=True)
    model.save_pretrained("base")
    base = of_torch(model)
    other, _ = load_model(pathlib.Path("base"))
    print("base, mlx-lm equals transformers:", same(base, of_mlx(other)))

    tuned = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=8, target_modules=["embed_tokens"], task_type="CAUSAL_LM"))
    stir(tuned, ["lora_embedding"])
    peft = of_torch(tuned)
    layer = model.model.embed_tokens
    a = layer.lora_embedding_A["default"].detach().numpy()
    b = layer.lora_embedding_B["default"].detach().numpy()
    table = layer.base_layer.weight.detach().clone()

    os.makedirs("adapter")
    mx.save_safetensors("adapter/adapters.safetensors", {
        "model.embed_tokens.lora_a": mx.array(a.T.copy()),
        "model.embed_tokens.lora_b": mx.array(b.T.copy())})
    json.dump({"num_layers": 2, "lora_parameters": {
        "rank": 4, "scale": 2.0, "dropout": 0.0, "keys": ["model.embed_tokens"]}},
        open("adapter/adapter_config.json", "w"))
    mlx = of_mlx(load_adapters(other, "adapter"))
    print("with adapter, mlx-lm equals PEFT:", same(peft, mlx))

    merged_model = tuned.merge_and_unload()
    merged = of_torch(merged_model)
    print("PEFT merged equals PEFT:", same(merged, peft))
    print("PEFT merged equals mlx-lm:", same(merged, mlx))
    print("PEFT merged is far from PEFT:", bool(np.abs(merged - peft).max() > 1))
    print("merged model still tied:", merged_model.config.tie_word_embeddings)

    both = llama(tied=True)
    with torch.no_grad():
        both.model.embed_tokens.weight.copy_(table + 2.0 * torch.tensor(a.T @ b.T))
    print("A and B added to embedding and head, equals mlx-lm:", same(of_torch(both), mlx))
END
verdict
