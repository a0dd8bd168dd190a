#!/usr/bin/env bash
# llama.cpp's LoRA converter ignores use_rslora and alpha_pattern, so the strength is wrong.
# Software: llama.cpp v0.5.0 (in npm node-llama-cpp 3.22.1), peft 0.21.2, transformers 5.24.0,
#   torch 2.13.0.
# Expected: convert_lora_to_gguf.py writes an adapter of the strength that PEFT has.
# Behaviour: it copies lora_alpha into adapter.lora.alpha and reads no other scale.
#   llama.cpp then scales by alpha / rank. The files of plain LoRA and rsLoRA are equal.
#   Nothing is printed about the ignored fields.
# Why it matters: an rsLoRA adapter of rank 16 acts with a quarter of its strength.
#   Who writes GGUF must write alpha * sqrt(rank), and fold other alphas into B.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2 safetensors==0.8.0
npm_with node-llama-cpp@3.22.1
git clone -q node_modules/node-llama-cpp/llama/gitRelease.bundle llama.cpp 2>git.log
seen 2026-11-29 <<'END'
plain: PEFT scales q_proj by 0.5, GGUF says alpha 8 over rank 16 = 0.5
use_rslora: PEFT scales q_proj by 2, GGUF says alpha 8 over rank 16 = 0.5
alpha_pattern: PEFT scales q_proj by 2, GGUF says alpha 8 over rank 16 = 0.5
tensors of the three GGUF files equal: True
converter's words about rslora or alpha_pattern: none
END
cat >make.py <<'END'
from peft import LoraConfig, get_peft_model
from tiny import llama, stir

llama().save_pretrained("base")
for name, more in {"plain": {}, "use_rslora": {"use_rslora": True},
                   "alpha_pattern": {"alpha_pattern": {"q_proj": 32}}}.items():
    model = get_peft_model(llama(), LoraConfig(
        r=16, lora_alpha=8, target_modules=["q_proj"], task_type="CAUSAL_LM", **more))
    stir(model, ["lora_"])
    model.save_pretrained(name)
    layer = model.base_model.model.model.layers[0].self_attn.q_proj
    print(layer.scaling["default"], file=open(name + ".scale", "w"))
END
cat >compare.py <<'END'
import sys
sys.path.insert(1, "llama.cpp/gguf-py")
import gguf

files = {}
for name in ("plain", "use_rslora", "alpha_pattern"):
    reader = gguf.GGUFReader(name + ".gguf")
    alpha = reader.fields["adapter.lora.alpha"].contents()
    tensors = {t.name: t.data for t in reader.tensors}
    rank = tensors["blk.0.attn_q.weight.lora_b"].shape[1]
    files[name] = {n: d.tobytes() for n, d in tensors.items()}
    print("%s: PEFT scales q_proj by %g, GGUF says alpha %g over rank %d = %g"
          % (name, float(open(name + ".scale").read()), alpha, rank, alpha / rank))
print("tensors of the three GGUF files equal:",
      files["plain"] == files["use_rslora"] == files["alpha_pattern"])
words = open("converter.log").read()
for name in files:
    words = words.replace(name + ".gguf", "")
said = [w for w in ("rslora", "alpha_pattern") if w in words]
print("converter's words about rslora or alpha_pattern:", ", ".join(said) or "none")
END
all() {
  "$PY" make.py || return 1
  for name in plain use_rslora alpha_pattern; do
    "$PY" llama.cpp/convert_lora_to_gguf.py "$name" --base base --outtype f32 \
      --outfile "$name.gguf" >>converter.log 2>&1 || return 1
  done
  "$PY" compare.py
}
run all
verdict
