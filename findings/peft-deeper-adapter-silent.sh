#!/usr/bin/env bash
# PEFT loads an adapter of a deeper model without a word; the layers too many are dropped.
# Software: peft 0.21.2, transformers 5.24.0, torch 2.13.0.
# Expected: an adapter with tensors that the model has no place for is an error or a warning.
# Behaviour: from_pretrained ignores every tensor whose module is not in the model.
#   The other direction, a tensor that the file lacks, does give a warning.
# Why it matters: models of one family share widths, so a wrong base shows no shape error.
#   A tool that takes adapters must compare the names in the file with the model itself.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2 safetensors==0.8.0
seen 2026-11-29 <<'END'
adapter of 4 layers: 16 tensors
on a model of 2 layers: 8 tensors taken, 0 warnings
adapter of 2 layers on a model of 4: 8 tensors taken, 1 warning
END
run "$PY" - <<'END'
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from tiny import Heard, llama, stir

def adapter(layers, folder):
    model = get_peft_model(llama(layers), LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    stir(model, ["lora_B"])
    model.save_pretrained(folder)
    return load_file(folder + "/adapter_model.safetensors")

def load(layers, folder, tensors):
    with Heard() as heard:
        model = PeftModel.from_pretrained(llama(layers), folder)
    have = {n.replace(".default", ""): v for n, v in model.named_parameters()}
    taken = sum(n in have and torch.equal(have[n], v) for n, v in tensors.items())
    return taken, len(heard.lines)

deep, shallow = adapter(4, "deep"), adapter(2, "shallow")
print("adapter of 4 layers:", len(deep), "tensors")
print("on a model of 2 layers: %d tensors taken, %d warnings" % load(2, "deep", deep))
print("adapter of 2 layers on a model of 4: %d tensors taken, %d warning"
      % load(4, "shallow", shallow))
END
verdict
