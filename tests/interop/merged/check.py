# Loads merged folders that Anneal wrote with transformers and compares next-token probabilities with Anneal's. The base
# model's probabilities are the negative control, which must miss. Run by check.ts: check.py SUBJECTS.json.
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers import logging as transformers_logging

TOLERANCE = 1e-3


def furthest(model, prompts, expected):
    with torch.no_grad():
        return max(
            (model(torch.tensor([tokens])).logits[0, -1].softmax(-1) - torch.tensor(row)).abs().max().item()
            for tokens, row in zip(prompts, expected, strict=True)
        )


def check(subject):
    model = AutoModelForCausalLM.from_pretrained(subject["folder"], attn_implementation="eager").eval()
    assert model.dtype == torch.float32, f"it loads as {model.dtype}"
    assert AutoTokenizer.from_pretrained(subject["folder"])("a")["input_ids"], "its tokenizer does not load"
    near = furthest(model, subject["prompts"], subject["adapter"])
    far = furthest(model, subject["prompts"], subject["base"])
    assert near <= TOLERANCE, f"a probability is off by {near:.1e}"
    assert far > TOLERANCE, f"the base model is as near: {far:.1e}"
    shards = len(list(Path(subject["folder"]).glob("*.safetensors")))
    return f"within {near:.1e} in {shards} files; the base model misses by {far:.1e}"


def main():
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # it warns of RoPE for longer texts
    failed = 0
    subjects = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for subject in subjects:
        try:
            print(f"ok    merged folder, {subject['name']}: {check(subject)}")
        except Exception as error:  # a folder that does not load fails its check and no other
            failed += 1
            print(f"FAIL  merged folder, {subject['name']}: {error}")
    print(f"{len(subjects) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
