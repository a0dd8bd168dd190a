#!/usr/bin/env bash
# mlx-lm loads a Llama that transformers 5 saved with another RoPE base, without a word.
# Software: mlx-lm 0.32.2, mlx 0.32.4 (CPU), transformers 5.24.0, torch 2.13.0.
# Expected: the next-token probabilities of transformers, as for a config with rope_theta.
# Behaviour: transformers 5 writes rope_theta inside rope_parameters only. mlx-lm's Llama,
#   Qwen2, SmolLM3 and Phi-3 read the key at the top alone, and take their default.
#   Its Qwen3 reads rope_parameters.
# Why it matters: a model that was merged or saved by transformers 5 computes otherwise in MLX,
#   and so does every adapter on it. Write rope_theta at the top, too.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-30 <<'END'
saved by transformers: rope_theta None, rope_parameters {'rope_theta': 500000.0, 'rope_type': 'default'}
as it was saved: mlx-lm's base 10000, probabilities equal: False
with rope_theta at the top: mlx-lm's base 500000, probabilities equal: True
base that mlx-lm reads where transformers wrote 500000:
  llama 10000
  qwen2 1e+06
  smollm3 10000
  phi3 10000
  qwen3 500000
END
run "$PY" - <<'END'
import json, pathlib
from importlib import import_module
import mlx.core as mx, torch
from mlx_lm.utils import load_model
from transformers import LlamaConfig, Phi3Config, Qwen2Config, Qwen3Config, SmolLM3Config
from tiny import llama

theta = 500000.0
model = llama(rope_parameters={"rope_type": "default", "rope_theta": theta})
model.save_pretrained("model")
path = pathlib.Path("model/config.json")
config = json.loads(path.read_text())
print(f"saved by transformers: rope_theta {config.get('rope_theta')}, "
      f"rope_parameters {config.get('rope_parameters')}")

ids = list(range(3, 35))
with torch.no_grad():
    expected = model(torch.tensor([ids])).logits[0, -1].softmax(-1)

def tell(name):
    loaded, _ = load_model(path.parent)
    found = mx.softmax(loaded(mx.array([ids]))[0, -1].astype(mx.float32))
    off = max(abs(float(a) - float(b)) for a, b in zip(expected, found.tolist()))
    print(f"{name}: mlx-lm's base {loaded.args.rope_theta:g}, probabilities equal: {off < 1e-4}")

tell("as it was saved")
path.write_text(json.dumps({**config, "rope_theta": theta}))
tell("with rope_theta at the top")

print(f"base that mlx-lm reads where transformers wrote {theta:g}:")
for of in (LlamaConfig, Qwen2Config, SmolLM3Config, Phi3Config, Qwen3Config):
    saved = of(rope_parameters={"rope_type": "default", "rope_theta": theta})
    fields = json.loads(saved.to_json_string(use_diff=False))
    kind = fields["model_type"]
    args = import_module(f"mlx_lm.models.{kind}").ModelArgs.from_dict(fields)
    print(f"  {kind} {args.rope_theta:g}")
END
verdict
