#!/usr/bin/env bash
# PEFT's LoRA+ optimizer ignores weight_decay, and the ratio also drives norms.
# Software: peft 0.21.2, transformers 5.24.0, torch 2.13.0.
# Expected: weight_decay decays the weights; only B matrices get the learning rate times ratio.
# Behaviour: create_loraplus_optimizer sets the decay from loraplus_weight_decay, 0 by default.
#   Trained norms and DoRA's magnitude vector are in the group of B, with the ratio.
#   A LoRA on the embedding has a rate of its own, 1e-6, whatever lr is.
# Why it matters: the same lr and ratio elsewhere give another run than PEFT's.
#   A trained norm gets 16 times the rate that its trainer asked for.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2
seen 2026-11-29 <<'END'
asked: lr 0.0001, ratio 16, weight_decay 0.1
q_proj lora_A: lr 0.0001, decay 0
q_proj lora_B: lr 0.0016, decay 0
q_proj lora_magnitude_vector: lr 0.0016, decay 0
embed_tokens lora_embedding_A: lr 1e-06, decay 0
embed_tokens lora_embedding_B: lr 1e-06, decay 0
input_layernorm modules_to_save: lr 0.0016, decay 0
lm_head modules_to_save: lr 0.0001, decay 0
loraplus_weight_decay 0.1, q_proj lora_A: lr 0.0001, decay 0.1
END
run "$PY" - <<'END'
import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from tiny import Heard, llama

def groups(**more):
    with Heard():
        model = get_peft_model(llama(), LoraConfig(
            r=4, target_modules=["q_proj", "embed_tokens"], use_dora=True,
            modules_to_save=["input_layernorm", "lm_head"], task_type="CAUSAL_LM"))
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=1e-4, loraplus_lr_ratio=16, **more)
    of = {id(p): g for g in optimizer.param_groups for p in g["params"]}
    return {n: of[id(p)] for n, p in model.named_parameters() if p.requires_grad}

def tell(found, module, kind):
    group = {(g["lr"], g["weight_decay"]) for n, g in found.items()
             if f"{module}.{kind}" in n}
    assert len(group) == 1, group
    return "%s %s: lr %g, decay %g" % (module, kind, *group.pop())

print("asked: lr 0.0001, ratio 16, weight_decay 0.1")
found = groups(weight_decay=0.1)
for module, kinds in {
        "q_proj": ["lora_A", "lora_B", "lora_magnitude_vector"],
        "embed_tokens": ["lora_embedding_A", "lora_embedding_B"],
        "input_layernorm": ["modules_to_save"], "lm_head": ["modules_to_save"]}.items():
    for kind in kinds:
        print(tell(found, module, kind))
print("loraplus_weight_decay 0.1, " + tell(groups(loraplus_weight_decay=0.1), "q_proj", "lora_A"))
END
verdict
