#!/usr/bin/env bash
# PEFT's modules_to_save takes the end of any name, target_modules a whole name only.
# Software: peft 0.21.2, transformers 5.24.0, torch 2.13.0.
# Expected: modules_to_save=["norm"] trains the final norm, the one module named "norm".
# Behaviour: it trains every module whose name ends in these letters: input_layernorm and
#   post_attention_layernorm of each layer too. "head" is lm_head. In target_modules the
#   name has to be whole: "proj" is no q_proj.
# Why it matters: more is trained and saved than was asked for, and nothing says so.
#   Write "model.norm", and look at print_trainable_parameters().

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2
seen 2026-11-29 <<'END'
modules_to_save norm: layers.0.input_layernorm layers.0.post_attention_layernorm layers.1.input_layernorm layers.1.post_attention_layernorm norm
modules_to_save model.norm: norm
modules_to_save head: lm_head
target_modules proj: refused
warnings: 0
END
run "$PY" - <<'END'
from peft import LoraConfig, get_peft_model
from tiny import Heard, llama

def saved(name):
    model = get_peft_model(llama(), LoraConfig(target_modules=["q_proj"], modules_to_save=[name]))
    return [key.split(".modules_to_save")[0].removeprefix("base_model.model.").removeprefix("model.")
            for key, value in model.named_parameters()
            if value.requires_grad and "lora_" not in key]

with Heard() as heard:
    for name in ("norm", "model.norm", "head"):
        print(f"modules_to_save {name}:", *saved(name))
try:
    get_peft_model(llama(), LoraConfig(target_modules=["proj"]))
    print("target_modules proj: taken")
except ValueError:
    print("target_modules proj: refused")
print("warnings:", len(heard.lines))
END
verdict
