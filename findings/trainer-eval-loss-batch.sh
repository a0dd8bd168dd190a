#!/usr/bin/env bash
# The Trainer's eval_loss of one model on one set depends on the evaluation batch size.
# Software: transformers 5.24.0, accelerate 1.15.0, torch 2.13.0.
# Expected: eval_loss is the mean loss per token, or per row, whatever the batch size.
# Behaviour: each batch gives its mean per token; these are averaged by their number of rows.
#   Rows of unequal length so weigh differently with each batch size.
#   Only one batch with all rows gives the mean per token.
# Why it matters: two runs with other batch sizes do not compare, nor do two trainers.
#   Compare only with all rows in one batch, or sum the token losses yourself.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 accelerate==1.15.0
seen 2026-11-29 <<'END'
mean per token: 4.68
mean of the rows' means: 4.86
eval_loss, batch 1: 4.86
eval_loss, batch 2: 4.80
eval_loss, batch 4: 4.72
eval_loss, batch 7: 4.68
END
run "$PY" - <<'END'
import contextlib, io, random
import torch
from tiny import llama
from transformers import Trainer, TrainingArguments

random.seed(0)
rows = [[random.randrange(3, 64) for _ in range(3 * n)] for n in range(1, 8)]
data = [{"input_ids": row, "labels": row} for row in rows]
model = llama()

def collate(batch):
    longest = max(len(item["input_ids"]) for item in batch)
    def pad(key, value):
        return torch.tensor([i[key] + [value] * (longest - len(i[key])) for i in batch])
    return {"input_ids": pad("input_ids", 0), "labels": pad("labels", -100)}

with torch.no_grad():
    losses = [torch.nn.functional.cross_entropy(
        model(torch.tensor([r])).logits[0, :-1], torch.tensor(r[1:]), reduction="none")
        for r in rows]
print("mean per token: %.2f" % torch.cat(losses).mean())
print("mean of the rows' means: %.2f" % torch.stack([x.mean() for x in losses]).mean())
for size in (1, 2, 4, 7):
    trainer = Trainer(model=model, data_collator=collate, args=TrainingArguments(
        "out", per_device_eval_batch_size=size, report_to=[], use_cpu=True, disable_tqdm=True))
    with contextlib.redirect_stdout(io.StringIO()):
        loss = trainer.evaluate(data)["eval_loss"]
    print("eval_loss, batch %d: %.2f" % (size, loss))
END
verdict
