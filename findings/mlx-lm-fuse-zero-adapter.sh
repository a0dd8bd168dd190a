#!/usr/bin/env bash
# mlx-lm's fuse changes a quantised model even if the adapter holds nothing.
# Software: mlx-lm 0.32.2, mlx 0.32.4 (CPU).
# Expected: an adapter with B = 0 fuses into the same weights.
# Behaviour: fuse dequantises, adds the delta and quantises again, with new scales.
#   At 3 bits and more this moves weights that the adapter does not touch.
#   At 4 bits the model moves by 3 % of its norm; a delta of 1 % drowns in that.
#   At 2 bits a zero adapter changes nothing, but a delta of 1 % is lost as well.
#   With dequantize=True nothing is lost.
# Why it matters: a model fused at few bits is not the model that was evaluated.
#   Evaluate the fused model, or keep the adapter beside the quantised base.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-29 <<'END'
bits 2: zero adapter moves 0 % of the norm; delta of 1 %: error 1 times the delta
bits 3: zero adapter moves 4 % of the norm; delta of 1 %: error 4 times the delta
bits 4: zero adapter moves 3 % of the norm; delta of 1 %: error 3 times the delta
bits 6: zero adapter moves 1 % of the norm; delta of 1 %: error 1 times the delta
bits 8: zero adapter moves 0.3 % of the norm; delta of 1 %: error 0.5 times the delta
dequantize=True, largest error: below 0.001 times the delta
END
run "$PY" - <<'END'
import mlx.core as mx, mlx.nn as nn
from mlx_lm.tuner.lora import LoRALinear

mx.random.seed(0)
plain = nn.Linear(256, 256, bias=False)
plain.weight = mx.random.normal((256, 256)) * 0.05

def weight(layer):
    if not isinstance(layer, nn.QuantizedLinear):
        return layer.weight
    return mx.dequantize(layer.weight, layer.scales, layer.biases, layer.group_size, layer.bits)

def norm(x):
    return float(mx.sqrt((x * x).sum()))

worst = 0
for bits in (2, 3, 4, 6, 8):
    base = nn.QuantizedLinear.from_linear(plain, 64, bits)
    size = norm(weight(base))
    lora = LoRALinear.from_base(base, r=8, scale=1.0)  # B is zero
    moved = norm(weight(lora.fuse()) - weight(base)) / size
    lora.lora_b = mx.random.normal((8, 256))
    lora.lora_b *= 0.01 * size / norm(lora.lora_a @ lora.lora_b)
    delta = (lora.lora_a @ lora.lora_b).T
    lost, kept = (norm(weight(lora.fuse(dequantize=d)) - weight(base) - delta) / norm(delta)
                  for d in (False, True))
    worst = max(worst, kept)
    print("bits %d: zero adapter moves %.1g %% of the norm; "
          "delta of 1 %%: error %.1g times the delta" % (bits, 100 * moved, lost))
print("dequantize=True, largest error:", "below" if worst < 1e-3 else "above",
      "0.001 times the delta")
END
verdict
