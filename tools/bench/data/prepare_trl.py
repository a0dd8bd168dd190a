"""Loads, masks and counts one file with datasets and TRL's SFTTrainer, and prints the figures as one JSON object.

Commands: `figures FILE FOLDER` for a .jsonl or .parquet file and the folder of a tokenizer; `tokenizer FROM TO` writes
the tokenizer of a folder with Qwen3's chat template as TRL has it; `parquet FROM TO` writes JSONL as Parquet. Prints
{"missing": ...} where a library is not there.
"""

import json
import pathlib
import resource
import sys
import tempfile
import time

try:
    import datasets
    import torch
    import transformers
    import trl
except ImportError as error:
    print(json.dumps({"missing": error.name}))
    sys.exit()


def cpu_seconds():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in spent)


def load(path, cache):
    kind = "parquet" if path.endswith(".parquet") else "json"
    return datasets.load_dataset(kind, data_files=path, split="train", cache_dir=cache)


def write_tokenizer(source, target):
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    templates = pathlib.Path(trl.__file__).parent / "chat_templates"
    tokenizer.chat_template = (templates / "qwen3.jinja").read_text()
    tokenizer.save_pretrained(target)


def write_parquet(source, target):
    with tempfile.TemporaryDirectory() as cache:
        load(source, cache).to_parquet(target)


def print_figures(path, folder):
    with tempfile.TemporaryDirectory() as cache:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        config = transformers.Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=8,
        )
        model = transformers.Qwen3ForCausalLM(config)
        started, started_cpu = time.perf_counter(), cpu_seconds()
        rows = load(path, cache)
        load_seconds = time.perf_counter() - started
        options = trl.SFTConfig(
            output_dir=cache,
            assistant_only_loss=True,
            max_length=None,
            report_to=[],
            bf16=False,
            use_cpu=True,
        )
        trainer = trl.SFTTrainer(
            model, args=options, train_dataset=rows, processing_class=tokenizer
        )
        trained = 0
        for batch in trainer.train_dataset.iter(1000):
            trained += sum(label != -100 for labels in batch["labels"] for label in labels[1:])
        print(
            json.dumps(
                {
                    "rows": len(rows),
                    "examples": len(trainer.train_dataset),
                    "trainedTokens": trained,
                    "seconds": time.perf_counter() - started,
                    "loadSeconds": load_seconds,
                    "cpuSeconds": cpu_seconds() - started_cpu,
                    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                }
            )
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    commands = {"figures": print_figures, "tokenizer": write_tokenizer, "parquet": write_parquet}
    commands[sys.argv[1]](*sys.argv[2:])
