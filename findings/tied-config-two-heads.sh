#!/usr/bin/env bash
# A folder that says "tied" but stores its own head is two models: transformers' and mlx-lm's.
# Software: transformers 5.24.0, torch 2.13.0, mlx 0.32.4 (CPU), mlx-lm 0.32.2.
# Expected: tie_word_embeddings: true means that the head is the embedding.
# Behaviour: transformers compares the two tensors and, if they differ, does not tie. It warns.
#   mlx-lm drops the stored head without a word and uses the embedding.
#   What transformers saves from it says "tied" again and holds both tensors.
# Why it matters: a merge that changes head or embedding of a tied model makes such folders.
#   Set tie_word_embeddings to false in the config when the stored head differs.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 safetensors==0.8.0 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-29 <<'END'
transformers uses the stored head: True
transformers warns: True
mlx-lm uses the stored head: False
mlx-lm uses the embedding as head: True
mlx-lm warns: False
saved again: tie_word_embeddings True, head stored True
END
run "$PY" - <<'END'
import json, pathlib
import mlx.core as mx, numpy as np, torch
from mlx_lm.utils import load_model
from safetensors.torch import load_file
from tiny import Heard, llama
from transformers import AutoModelForCausalLM

ids = [1, 5, 9, 13]

def of_torch(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].numpy()

def same(a, b):
    return bool(np.abs(a - b).max() < 1e-3)

untied = llama(tied=False)
own = of_torch(untied)
tied = llama(tied=True)
tied.load_state_dict(
    {k: v for k, v in untied.state_dict().items() if k != "lm_head.weight"}, strict=False)
embedding = of_torch(tied)
assert not same(own, embedding)

with Heard():
    untied.save_pretrained("model")
path = pathlib.Path("model/config.json")
path.write_text(json.dumps({**json.loads(path.read_text()), "tie_word_embeddings": True}))

with Heard() as heard:
    loaded = AutoModelForCausalLM.from_pretrained("model")
print("transformers uses the stored head:", same(of_torch(loaded), own))
print("transformers warns:", any("NOT tie" in line for line in heard.lines))
with Heard() as heard:
    other, _ = load_model(pathlib.Path("model"))
    found = np.array(other(mx.array([ids]))[0].astype(mx.float32))
print("mlx-lm uses the stored head:", same(found, own))
print("mlx-lm uses the embedding as head:", same(found, embedding))
print("mlx-lm warns:", len(heard.lines) > 0)
with Heard():
    loaded.save_pretrained("again")
print("saved again: tie_word_embeddings %s, head stored %s" % (
    json.load(open("again/config.json"))["tie_word_embeddings"],
    "lm_head.weight" in load_file("again/model.safetensors")))
END
verdict
