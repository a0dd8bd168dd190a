# Goes on with bundles that Anneal wrote at step 10, as one process and as two under torchrun (gloo, CPU), and compares losses
# and learning rates with Anneal's. Negative control, which must miss: the steps in another order. Run by check.ts: bundles.py
# SUBJECTS.json.
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_optimizer_state_dict
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-3


def goes_on(folder, subject, launcher):
    """Losses and learning rates after the checkpoint."""
    shutil.rmtree(Path(folder) / "out", ignore_errors=True)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, *launcher, "train.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-1500:]
    state = json.loads((Path(folder) / "out" / f"checkpoint-{subject['steps']}" / "trainer_state.json").read_text())
    log = [entry for entry in state["log_history"] if "loss" in entry and entry["step"] > subject["step"]]
    return [entry["loss"] for entry in log], [entry["learning_rate"] for entry in log]


def furthest(found, expected):
    assert len(found) == len(expected), f"{len(found)} steps, not {len(expected)}"
    return max(abs(one - other) / abs(other) for one, other in zip(found, expected, strict=True))


def in_another_order(subject):
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(subject["folder"], copy, dirs_exist_ok=True)
        steps = Path(copy) / "data" / "steps.json"
        steps.write_text(json.dumps(json.loads(steps.read_text())[::-1]))
        return furthest(goes_on(copy, subject, [])[0], subject["losses"])


def named_moments_load(subject):
    """As FSDP takes optimizer.bin, on a model that is whole."""
    folder = Path(subject["folder"])
    checkpoint = folder / f"checkpoint-{subject['step']}"
    base = next(line for line in (folder / "train.py").read_text().splitlines() if line.startswith("BASE = "))
    model = AutoModelForCausalLM.from_pretrained(json.loads(base.split("=", 1)[1].split("#")[0]), dtype=torch.float32)
    model = PeftModel.from_pretrained(model, checkpoint, is_trainable=True)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW([{"params": parameters}, {"params": []}])
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1)  # as in a Trainer: it gives groups an initial_lr
    named = torch.load(checkpoint / "optimizer.bin", weights_only=True)
    set_optimizer_state_dict(model, optimizer, named, options=StateDictOptions(full_state_dict=True))
    numbered = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]
    for index, parameter in enumerate(parameters):
        for key in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(optimizer.state[parameter][key], numbered[index][key]), f"{key} of parameter {index}"


def check(subject):
    folder = subject["folder"]
    found = {}
    for name, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"])):
        losses, rates = goes_on(folder, subject, launcher)
        assert rates == subject["rates"], f"{name}: learning rates {rates}, not {subject['rates']}"
        found[name] = furthest(losses, subject["losses"])
        assert found[name] <= TOLERANCE, f"{name}: a loss is off by {found[name]:.1e}"
    missed = in_another_order(subject)
    assert missed > TOLERANCE, f"in another order it is as near: {missed:.1e}"
    named_moments_load(subject)
    return f"one process within {found['one']:.1e}, two within {found['two']:.1e}; in another order off by {missed:.1e}"


def main():
    failed = 0
    subjects = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for subject in subjects:
        try:
            print(f"ok    bundle goes on, {subject['name']}: {check(subject)}")
        except Exception as error:  # a bundle that fails fails its check and no other
            failed += 1
            print(f"FAIL  bundle goes on, {subject['name']}: {error}")
    print(f"{len(subjects) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
