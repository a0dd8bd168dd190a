#!/usr/bin/env bash
# PEFT saves alpha_pattern sorted by its keys; a loaded adapter can have other scales.
# Software: peft 0.21.2, transformers 5.24.0, torch 2.13.0.
# Expected: an adapter that is saved and loaded computes the same function.
# Behaviour: the first key that matches a module wins, in the order of the dict.
#   save_pretrained sorts the keys, so after loading a broader key can come first.
#   Nothing warns. With rank_pattern the same cause gives a size mismatch error instead.
# Why it matters: who writes alpha_pattern must give keys of which only one matches.
#   Who reads it must take the order in the file, not the order of the trainer's script.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2
seen 2026-11-29 <<'END'
trained: layer 0 scale 1, layer 1 scale 8
loaded: layer 0 scale 1, layer 1 scale 1
keys in the file: .*_proj, layers.1.self_attn.q_proj
same logits: False
warnings on save and load: 0
keys that do not overlap, same logits: True
rank_pattern, load: size mismatch
END
run "$PY" - <<'END'
import json, torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny import Heard, llama, stir

ids = torch.tensor([[1, 5, 9, 13]])

def scales(model):
    layers = model.base_model.model.model.layers
    return [layers[i].self_attn.q_proj.scaling["default"] for i in (0, 1)]

def text(model):
    return "layer 0 scale %g, layer 1 scale %g" % tuple(scales(model))

def round_trip(pattern, folder):
    model = get_peft_model(llama(), LoraConfig(
        r=4, lora_alpha=4, target_modules=["q_proj"], alpha_pattern=pattern,
        task_type="CAUSAL_LM"))
    stir(model, ["lora_B"])
    with Heard() as heard, torch.no_grad():
        model.eval().save_pretrained(folder)
        again = PeftModel.from_pretrained(llama(), folder)
        same = torch.allclose(model(ids).logits, again(ids).logits)
    return model, again, same, heard

model, again, same, heard = round_trip({"layers.1.self_attn.q_proj": 32, ".*_proj": 4}, "one")
print("trained:", text(model))
print("loaded:", text(again))
print("keys in the file:", ", ".join(json.load(open("one/adapter_config.json"))["alpha_pattern"]))
print("same logits:", same)
print("warnings on save and load:", len(heard.lines))
model, again, same, heard = round_trip(
    {"layers.1.self_attn.q_proj": 32, "layers.0.self_attn.q_proj": 4}, "two")
print("keys that do not overlap, same logits:", same)
ranked = LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM",
                    rank_pattern={"layers.1.self_attn.q_proj": 8, ".*_proj": 4})
get_peft_model(llama(), ranked).save_pretrained("ranked")
try:
    PeftModel.from_pretrained(llama(), "ranked")
except RuntimeError as error:
    print("rank_pattern, load:", "size mismatch" in str(error) and "size mismatch")
END
verdict
