#!/usr/bin/env bash
# Packed rows see each other in transformers unless use_cache is False and no mask is given.
# Software: transformers 5.24.0, torch 2.13.0.
# Expected: position_ids that start again at 0 keep packed rows apart.
# Behaviour: they do so only with use_cache=False and without attention_mask.
#   With the default use_cache, or with a mask of ones, the second row attends to the first.
#   Nothing warns. This holds for the sdpa and the eager attention.
# Why it matters: a check of packed training against model(input_ids, position_ids) is wrong.
#   A trainer of one's own that pads with a mask of ones mixes its rows.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0
seen 2026-11-29 <<'END'
sdpa, use_cache=False: second row as if alone
sdpa, default: second row differs
sdpa, use_cache=False and a mask of ones: second row differs
eager, use_cache=False: second row as if alone
eager, default: second row differs
eager, use_cache=False and a mask of ones: second row differs
warnings: 0
END
run "$PY" - <<'END'
import torch
from tiny import Heard, llama

first, second = [1, 5, 9, 13, 20], [1, 7, 30, 41, 8, 3]
ids = torch.tensor([first + second])
positions = torch.tensor([[*range(len(first)), *range(len(second))]])
cases = {"use_cache=False": {"use_cache": False}, "default": {},
         "use_cache=False and a mask of ones":
             {"use_cache": False, "attention_mask": torch.ones_like(ids)}}
with Heard() as heard, torch.no_grad():
    for kind in ("sdpa", "eager"):
        model = llama()
        model.set_attn_implementation(kind)
        alone = model(torch.tensor([second]), use_cache=False).logits[0]
        for name, more in cases.items():
            packed = model(input_ids=ids, position_ids=positions, **more).logits[0, len(first):]
            apart = float((packed - alone).abs().max())
            assert apart < 1e-4 or apart > 0.1, apart
            print(f"{kind}, {name}: second row", "as if alone" if apart < 1e-4 else "differs")
print("warnings:", len(heard.lines))
END
verdict
