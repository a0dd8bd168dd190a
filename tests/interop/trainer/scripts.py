# Runs "The same run in Python" as Anneal wrote it, to the end, and compares the tokens and labels that TRL made of its rows
# with those that Anneal trains. Negative control: the labels of another row must differ. Run by check.ts: scripts.py SUBJECTS.json.
import contextlib
import io
import json
import os
import runpy
import sys
from pathlib import Path

import trl
from transformers import logging as transformers_logging


class Kept(trl.SFTTrainer):
    """The trainer of the script, for a look at its rows."""

    made = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        Kept.made = self


def trained(row):
    """Tokens with those that are targets: the first token is none."""
    return tuple(row["input_ids"]), tuple(row["labels"][1:])


def run_script(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path("train.py", run_name="__main__")
    finally:
        os.chdir(before)
    return Kept.made


def check(subject):
    trainer = run_script(subject["folder"])
    steps = trainer.state.global_step
    assert steps == 4, f"it made {steps} steps"
    assert (Path(subject["folder"]) / "adapter" / "adapter_model.safetensors").exists(), "no adapter"
    if subject["isPacked"]:
        found = sorted(token for row in trainer.train_dataset for token in row["input_ids"])
        expected = sorted(token for row in subject["train"] for token in row["input_ids"])
        assert found == expected, "the packed tokens differ"
        return f"{len(found)} tokens, packed"
    for ours, theirs in ((subject["train"], trainer.train_dataset), (subject["heldOut"], trainer.eval_dataset)):
        found, expected = sorted(map(trained, theirs)), sorted(map(trained, ours))
        differ = sum(one != other for one, other in zip(found, expected))
        assert len(found) == len(expected) and differ == 0, f"{differ} of {len(expected)} rows, TRL has {len(found)}"
        assert found[0] != expected[-1], "all rows are equal"
    return f"{len(subject['train'])} rows and {len(subject['heldOut'])} held-out rows"


def main():
    transformers_logging.set_verbosity_error()
    trl.SFTTrainer = Kept
    failed = 0
    subjects = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for subject in subjects:
        try:
            print(f"ok    TRL script, {subject['name']}: {check(subject)}")
        except Exception as error:  # a script that fails fails its check and no other
            failed += 1
            print(f"FAIL  TRL script, {subject['name']}: {error}")
    print(f"{len(subjects) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
