#!/usr/bin/env bash
# A dataset of tool calls trains arguments that no row has.
# Software: datasets 5.2.0, trl 1.16.0, transformers 5.24.0, torch 2.13.0.
# Expected: rows given to Dataset.from_list are trained as they are.
# Behaviour: a column of structs has one schema. Each call gets the argument names of all
#   calls, as null, and Qwen3's chat template writes them. load_dataset("json") on the same
#   rows keeps them apart, because it stores the column as JSON.
# Why it matters: the model learns to write "a": null, and the rows look right in the file.
#   Load rows with tool calls from a file, or print a row of the trainer's data set.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 trl==1.16.0 datasets==5.2.0 accelerate==1.15.0
seen 2026-11-29 <<'END'
as given: {"name": "weather", "arguments": {"city": "Rome"}}
Dataset.from_list, trained: {"name": "weather", "arguments": {"city": "Rome", "a": null, "b": null}}
load_dataset("json"), trained: {"name": "weather", "arguments": {"city": "Rome"}}
warnings: 0
END
run "$PY" - <<'END'
import json
from datasets import Dataset, disable_progress_bars, load_dataset
from tiny import Heard, bytes_tokenizer, llama, trl_template
from trl import SFTConfig, SFTTrainer

disable_progress_bars()
tokenizer = bytes_tokenizer(trl_template("qwen3"))

def row(question, name, **arguments):
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"messages": [{"role": "user", "content": question},
                         {"role": "assistant", "content": "", "tool_calls": [call]}]}

def call_in(text):
    return text.split("<tool_call>\n")[1].split("\n")[0]

rows = [row("What is the weather in Rome?", "weather", city="Rome"), row("2 + 2?", "add", a=2, b=2)]
with open("rows.jsonl", "w") as file:
    file.writelines(json.dumps(each) + "\n" for each in rows)
text = tokenizer.apply_chat_template(rows[0]["messages"], tokenize=False)
print("as given:", call_in(text))
warnings = 0
for name, data in (
        ("Dataset.from_list", Dataset.from_list(rows)),
        ('load_dataset("json")',
         load_dataset("json", data_files="rows.jsonl", split="train", cache_dir="cache"))):
    with Heard() as heard:
        trainer = SFTTrainer(
            model=llama(vocab=len(tokenizer)), train_dataset=data, processing_class=tokenizer,
            args=SFTConfig("out", report_to=[], bf16=False, use_cpu=True))
    warnings += len(heard.lines)
    print(name + ", trained:", call_in(tokenizer.decode(trainer.train_dataset[0]["input_ids"])))
print("warnings:", warnings)
END
verdict
