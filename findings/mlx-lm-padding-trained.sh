#!/usr/bin/env bash
# mlx-lm trains one token more per row than the row has: the padding, token 0.
# Software: mlx-lm 0.32.2, mlx 0.32.4 (CPU).
# Expected: a row of n tokens gives n - 1 trained tokens; padding gives none.
# Behaviour: the mask goes one position too far, so the padding after the last token counts.
#   The model learns to say token 0 after the end-of-sequence token.
#   The printed loss is a mean with this token in it.
#   A row that fills max_seq_length has no padding and so no such token.
# Why it matters: losses of mlx-lm and of other trainers do not compare, most on short rows.
#   Token 0 is a word of the vocabulary in many models, for example "!" in Qwen's.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with "mlx[cpu]==0.32.4" mlx-lm==0.32.2
seen 2026-11-29 <<'END'
row of 5 tokens: 4 pairs, 5 trained
row of 3 tokens: 2 pairs, 3 trained
row of 9 tokens, max_seq_length 9: 8 pairs, 8 trained
targets of the first row: [5, 9, 13, 2, 0]
loss equals the mean over these 5 targets: True
loss equals the mean over the 4 pairs: False
gradient on token 0 after the last token: True
END
run "$PY" - <<'END'
import mlx.core as mx, mlx.nn as nn, numpy as np
from mlx_lm.tuner.trainer import default_loss, iterate_batches

mx.random.seed(0)
table = mx.random.normal((16, 16))  # a bigram model: row = logits after this token

def batch_of(row, limit):
    return next(iterate_batches([(row, 0)], batch_size=1, max_seq_length=limit))

def loss_of(weights, batch, lengths):
    return default_loss(lambda ids: weights[ids], batch, lengths)[0]

first = [1, 5, 9, 13, 2]
for row, limit in ((first, 64), ([1, 7, 2], 64), ([1, 5, 9, 13, 4, 3, 6, 8, 2], 9)):
    count = int(default_loss(lambda ids: table[ids], *batch_of(row, limit))[1])
    note = f", max_seq_length {limit}" if limit == len(row) else ""
    print(f"row of {len(row)} tokens{note}: {len(row) - 1} pairs, {count} trained")

batch, lengths = batch_of(first, 64)
count = int(default_loss(lambda ids: table[ids], batch, lengths)[1])
targets = batch[0, 1:count + 1].tolist()
print("targets of the first row:", targets)
each = nn.losses.cross_entropy(table[batch[0, :count]], batch[0, 1:count + 1])
loss = float(loss_of(table, batch, lengths))
print("loss equals the mean over these 5 targets:", abs(loss - float(each.mean())) < 1e-4)
print("loss equals the mean over the 4 pairs:", abs(loss - float(each[:4].mean())) < 1e-4)
gradient = np.array(mx.grad(loss_of)(table, batch, lengths))
print("gradient on token 0 after the last token:", bool(gradient[first[-1], 0] < -0.05))
END
verdict
