# Lets transformers' Trainer go on from checkpoints that Anneal wrote at step 10, and compares losses and learning rates of
# the ten steps after it with Anneal's. Negative controls, which must miss: moments at zero, and a schedule one step ahead.
# Run by check.ts: check.py SUBJECTS.json.
import json
import logging
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PrinterCallback, Trainer, TrainingArguments
from transformers import logging as transformers_logging

TOLERANCE = 1e-4
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
EXPECTED_WARNINGS = ("is_gradient_checkpointing", "use_cache", "PAD/BOS/EOS")


def collate(rows):
    length = max(len(row["input_ids"]) for row in rows)
    pad = lambda key, value: torch.tensor([row[key] + [value] * (length - len(row[key])) for row in rows])
    mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (length - len(row["input_ids"])) for row in rows])
    return {"input_ids": pad("input_ids", 0), "labels": pad("labels", -100), "attention_mask": mask}


def arguments(recipe, folder):
    return TrainingArguments(
        output_dir=folder,
        max_steps=recipe["maxSteps"],
        per_device_train_batch_size=recipe["batchSize"],
        gradient_accumulation_steps=recipe["gradientAccumulationSteps"],
        learning_rate=recipe["learningRate"],
        lr_scheduler_type=SCHEDULES[recipe["schedule"]],
        warmup_steps=recipe["warmupSteps"],
        weight_decay=recipe["weightDecay"],
        adam_beta2=recipe["beta2"],
        max_grad_norm=recipe["maxGradNorm"],
        label_smoothing_factor=recipe["labelSmoothing"],
        train_sampling_strategy="sequential",
        eval_steps=recipe["evalSteps"],
        save_steps=recipe["saveSteps"],
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        report_to="none",
        use_cpu=True,
    )


def goes_on(subject, checkpoint):
    """Losses and learning rates of the steps after the checkpoint."""
    base = AutoModelForCausalLM.from_pretrained(subject["model"], dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(base, checkpoint, is_trainable=True)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=arguments(subject["recipe"], folder),
            train_dataset=subject["rows"],
            data_collator=collate,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(checkpoint))
    log = [entry for entry in trainer.state.log_history if "loss" in entry and entry["step"] > subject["step"]]
    return [entry["loss"] for entry in log], [entry["learning_rate"] for entry in log]


def furthest(found, expected):
    assert len(found) == len(expected), f"{len(found)} steps, not {len(expected)}"
    return max(abs(one - other) / abs(other) for one, other in zip(found, expected, strict=True))


def copy_of(checkpoint, folder, name, change):
    """The checkpoint with one file of torch changed."""
    copy = Path(folder) / checkpoint.name
    shutil.copytree(checkpoint, copy, dirs_exist_ok=True)
    state = torch.load(copy / name, weights_only=True)
    change(state)
    torch.save(state, copy / name)
    return copy


def forget_moments(state):
    for values in state["state"].values():
        values["exp_avg"].zero_()
        values["exp_avg_sq"].zero_()


def run_ahead(state):
    state["last_epoch"] += 1


def check(subject):
    checkpoint = Path(subject["checkpoint"])
    with warnings.catch_warnings(record=True) as caught, Heard() as heard:
        warnings.simplefilter("always")
        losses, rates = goes_on(subject, checkpoint)
    said = [*(str(warning.message) for warning in caught), *heard.lines]
    said = [text for text in said if not any(known in text for known in EXPECTED_WARNINGS)]
    assert not said, f"it warns: {said}"
    assert rates == subject["rates"], f"learning rates {rates}, not {subject['rates']}"
    near = furthest(losses, subject["losses"])
    assert near <= TOLERANCE, f"a loss is off by {near:.1e}"
    with tempfile.TemporaryDirectory() as folder:
        far, _ = goes_on(subject, copy_of(checkpoint, folder, "optimizer.pt", forget_moments))
        missed = furthest(far, subject["losses"])
        assert missed > TOLERANCE, f"without moments it is as near: {missed:.1e}"
    with tempfile.TemporaryDirectory() as folder:
        _, ahead = goes_on(subject, copy_of(checkpoint, folder, "scheduler.pt", run_ahead))
        assert subject["recipe"]["schedule"] == "constant" or ahead != subject["rates"], "a step ahead, rates are equal"
    return f"ten losses within {near:.1e}, learning rates equal; without moments off by {missed:.1e}"


class Heard(logging.Handler):
    """What transformers logs as a warning."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def __enter__(self):
        logging.getLogger("transformers").addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger("transformers").removeHandler(self)


def main():
    transformers_logging.disable_progress_bar()
    failed = 0
    subjects = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for subject in subjects:
        try:
            print(f"ok    Trainer goes on, {subject['name']}: {check(subject)}")
        except Exception as error:  # a checkpoint that does not load fails its check and no other
            failed += 1
            print(f"FAIL  Trainer goes on, {subject['name']}: {error}")
    print(f"{len(subjects) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
