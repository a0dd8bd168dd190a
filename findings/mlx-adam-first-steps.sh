#!/usr/bin/env bash
# MLX's Adam and AdamW leave out the bias correction, so early steps are 3 to 6 times lr.
# Software: mlx 0.32.4 (CPU), mlx-lm 0.32.2, torch 2.13.0.
# Expected: with a constant gradient, Adam moves a weight by lr at each step, as in torch.
# Behaviour: bias_correction is False by default; the first step is 3.16 times lr.
#   The step grows for about ten more steps and is still above twice lr at step 100.
#   mlx-lm's trainer uses this Adam by default, without warmup.
# Why it matters: one learning rate gives two different runs in mlx-lm and in torch.
#   A curve from one does not check a trainer that follows the other.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-29 <<'END'
mlx-lm's default optimizer: adam, {}
step                 1     2     10    100   1000
mlx Adam             3.16  4.25  6.53  3.24  1.26
mlx AdamW            3.16  4.25  6.53  3.24  1.26
mlx Adam, corrected  1.00  1.00  1.00  1.00  1.00
torch Adam           1.00  1.00  1.00  1.00  1.00
END
run "$PY" - <<'END'
import mlx.core as mx, mlx.optimizers as optim, torch
from mlx_lm.lora import CONFIG_DEFAULTS

name = CONFIG_DEFAULTS["optimizer"]
print(f"mlx-lm's default optimizer: {name}, {CONFIG_DEFAULTS['optimizer_config'][name]}")
STEPS = (1, 2, 10, 100, 1000)
RATE = 1e-3
print("%-20s " % "step" + " ".join("%-5d" % s for s in STEPS).rstrip())

def tell(name, step):
    moves = [step() / RATE for _ in range(max(STEPS))]
    print("%-20s " % name + " ".join("%-5.2f" % moves[s - 1] for s in STEPS).rstrip())

def mlx(optimizer):
    def step():
        new = optimizer.apply_gradients({"w": mx.array([0.5])}, {"w": mx.array([0.0])})
        return -float(new["w"][0])
    return step

def in_torch():
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=RATE)
    def step():
        with torch.no_grad():
            weight.zero_()
        weight.grad = torch.tensor([0.5])
        optimizer.step()
        return -weight.item()
    return step

tell("mlx Adam", mlx(optim.Adam(RATE)))
tell("mlx AdamW", mlx(optim.AdamW(RATE, weight_decay=0.0)))
tell("mlx Adam, corrected", mlx(optim.Adam(RATE, bias_correction=True)))
tell("torch Adam", in_torch())
END
verdict
