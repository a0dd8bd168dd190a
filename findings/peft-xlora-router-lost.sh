#!/usr/bin/env bash
# PEFT saves an X-LoRA without its router; what loads again is a random router.
# Software: peft 0.21.2, transformers 5.24.0, torch 2.13.0.
# Expected: save_pretrained and from_pretrained give back the trained X-LoRA.
# Behaviour: the adapter file in the folder's root holds no tensor at all.
#   The router's weights are in the first expert's file, under a key that the loader misses.
#   That file also holds weights of the base model. Loading gives no warning.
#   The same tensors in the root file, under numbered layer names, load exactly.
# Why it matters: who exports a mixture of adapters must write the folder by hand.
#   A test of the export needs a trained router; a check that it loads shows nothing.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2 safetensors==0.8.0
seen 2026-11-29 <<'END'
tensors in the root file: 0
router in 0/: base_model.internal_xlora_classifier.layers.bias
router in 0/: base_model.internal_xlora_classifier.layers.weight
base weights in 0/ and 1/: True
warnings on save and load: 0
loaded, same logits: False
loaded, difference above 0.1: True
folder by hand, same logits: True
END
run "$PY" - <<'END'
import json, os, shutil, torch
from peft import LoraConfig, PeftModel, XLoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tiny import Heard, llama, stir

ids = torch.tensor([[1, 5, 9, 13]])

def base():
    model = llama()
    model.config.use_cache = False
    return model

def logits(model):
    with torch.no_grad():
        return model.eval()(ids).logits

for seed, folder in ((5, "a"), (6, "b")):
    expert = get_peft_model(llama(), LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    stir(expert, ["lora_"], seed)
    expert.save_pretrained(folder)

model = get_peft_model(base(), XLoraConfig(
    task_type="CAUSAL_LM", hidden_size=32, xlora_depth=1, adapters={"0": "a", "1": "b"}))
stir(model, ["xlora_classifier"])
trained = logits(model)
with Heard() as heard:
    model.save_pretrained("saved")
    again = PeftModel.from_pretrained(base(), "saved")
print("tensors in the root file:", len(load_file("saved/adapter_model.safetensors")))
files = [load_file(f"saved/{i}/adapter_model.safetensors") for i in (0, 1)]
for key in sorted(k for k in files[0] if "classifier" in k):
    print("router in 0/:", key)
print("base weights in 0/ and 1/:", all(any("proj.weight" in k for k in f) for f in files))
print("warnings on save and load:", len(heard.lines))
found = logits(again)
print("loaded, same logits:", torch.allclose(trained, found, atol=1e-5))
print("loaded, difference above 0.1:", bool((trained - found).abs().max() > 0.1))

os.makedirs("hand")
shutil.copytree("a", "hand/0")
shutil.copytree("b", "hand/1")
shutil.copy("saved/adapter_config.json", "hand")
mark = "base_model.internal_xlora_classifier.layers."
save_file({mark + "0." + k[len(mark):]: v for k, v in files[0].items() if k.startswith(mark)},
          "hand/adapter_model.safetensors")
hand = logits(PeftModel.from_pretrained(base(), "hand"))
print("folder by hand, same logits:", torch.allclose(trained, hand, atol=1e-5))
END
verdict
