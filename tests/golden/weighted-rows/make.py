# Makes the golden run of rows with weights: the model and the first adapter of gqa-untied, trained by PyTorch + PEFT
# on sum(w * mean CE of a row) / sum |w|. TRL 1.16 has no weight of a row, so the loss is written out here.
# Deterministic. Run: python tests/golden/weighted-rows/make.py (versions: ../requirements.txt)
import copy
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from double import double_precision, to_double  # noqa: E402
from make import versions, write_run  # noqa: E402
from training import HYPER, load_model, mean_loss, micro_batch, trained  # noqa: E402

BASE = HERE.parent / "gqa-untied"
WEIGHTS = [1, 0.25, 0, 2, 1.5, -0.5, 1, 3]
# Steps, from 0, of which all rows weigh 0, and of which the second micro-batch does.
NOTHING, HALF = 6, 8
SMOOTHING = 0.1


def batches():
    generator = torch.Generator().manual_seed(53)
    vocabulary = json.loads((BASE / "config.json").read_text())["vocab_size"]
    drawn = 0
    steps = []
    for step in range(HYPER["totalSteps"]):
        steps.append([])
        for micro in range(2):
            batch = micro_batch(vocabulary, generator, rows=3)
            weights = [WEIGHTS[(drawn + row) % len(WEIGHTS)] for row in range(3)]
            drawn += 3
            if step == NOTHING or (step == HALF and micro == 1):
                weights = [0, 0, 0]
            steps[-1].append(batch | {"weights": weights})
    return steps, micro_batch(vocabulary, generator, rows=4)


# --- the loss


def losses_of(model, batch, smoothing):
    """Cross-entropy [rows, places], 0 where nothing is trained, and the trained places."""
    ids, labels, mask = (
        torch.tensor(batch[key]) for key in ("inputIds", "labels", "attentionMask")
    )
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    targets = labels[:, 1:]
    losses = F.cross_entropy(
        logits.transpose(1, 2), targets, reduction="none", label_smoothing=smoothing
    )
    return losses, targets != -100


def row_mean(model, batch, smoothing):
    """sum(w * mean CE) and sum |w|: each row counts by its weight, however long it is."""
    losses, is_trained = losses_of(model, batch, smoothing)
    weights = torch.tensor(batch["weights"], dtype=losses.dtype)
    means = losses.sum(1) / is_trained.sum(1)
    return (weights * means).sum(), weights.abs().sum().item()


def token_mean(model, batch, smoothing):
    """The negative control, sum(w * CE) / sum |w| over tokens: long rows count more."""
    losses, is_trained = losses_of(model, batch, smoothing)
    weights = torch.tensor(batch["weights"], dtype=losses.dtype)[:, None]
    return (weights * losses).sum(), (weights.abs() * is_trained).sum().item()


# --- the run


def train(model, steps, loss=row_mean, smoothing=0.0):
    weights = [weight for _, weight in trained(model)]
    optimizer = torch.optim.AdamW(
        weights,
        lr=HYPER["learningRate"],
        betas=(HYPER["beta1"], HYPER["beta2"]),
        eps=HYPER["epsilon"],
        weight_decay=HYPER["weightDecay"],
    )
    schedule = transformers.get_cosine_schedule_with_warmup(
        optimizer, HYPER["warmupSteps"], HYPER["totalSteps"]
    )
    curve = []
    for micro_batches in steps:
        sums = [loss(model, batch, smoothing) for batch in micro_batches]
        # TRL clamps its denominator, the trained tokens, to 1: nothing to train is a loss of 0 and a step of AdamW.
        divisor = sum(weight for _, weight in sums) or 1
        for total, _ in sums:
            (total / divisor).backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, HYPER["maxGradNorm"])
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=False)
        total = sum(total.item() for total, _ in sums) / divisor
        curve.append({"learningRate": rate, "loss": total, "gradNorm": norm.item()})
    return curve


def start():
    """The model with the first adapter of gqa-untied, trainable."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(BASE / "adapter-config.json", Path(scratch, "adapter_config.json"))
        shutil.copy(
            BASE / "adapter-initial.safetensors", Path(scratch, "adapter_model.safetensors")
        )
        return PeftModel.from_pretrained(load_model(BASE), scratch, is_trainable=True).eval()


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    steps, held_out = batches()
    base = start()
    float32 = train(copy.deepcopy(base), steps)
    with double_precision():
        model = to_double(copy.deepcopy(base))
        before = mean_loss(model, held_out)
        curve = train(model, steps)
        after = mean_loss(model, held_out)
        smoothed = train(to_double(copy.deepcopy(base)), steps, smoothing=SMOOTHING)
        control = train(to_double(copy.deepcopy(base)), steps, token_mean)
    final = get_peft_model_state_dict(model, save_embedding_layers=False)
    adapter = HERE / "adapter-final.safetensors"
    save_file({name: value.float().contiguous() for name, value in final.items()}, adapter)
    adapter.chmod(0o644)
    for a, b, c, d in zip(float32, curve, smoothed, control, strict=True):
        print(
            f"lr {b['learningRate']:.6f} loss {b['loss']:+.6f} ({a['loss'] - b['loss']:+.1e})"
            f" norm {b['gradNorm']:.4f} ({a['gradNorm'] - b['gradNorm']:+.1e})"
            f" smoothed {c['loss']:+.6f} control {d['loss']:+.6f}"
        )
    print(f"held out {before:.6f} -> {after:.6f}")

    def losses(run):
        return {key + "64": [step[key] for step in run] for key in ("loss", "gradNorm")}

    write_run(
        HERE / "run.json",
        {
            "versions": versions(),
            "hyper": HYPER,
            "heldOut": {"batch": held_out, "lossBefore64": before, "lossAfter64": after},
            "smoothing": SMOOTHING,
            "smoothed": losses(smoothed),
            "tokenMean": losses(control),
            "steps": [
                {
                    "learningRate": step["learningRate"],
                    "loss64": step["loss"],
                    "gradNorm64": step["gradNorm"],
                    "microBatches": micro_batches,
                }
                for step, micro_batches in zip(curve, steps, strict=True)
            ],
        },
    )


if __name__ == "__main__":
    main()
