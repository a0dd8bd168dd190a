# Merges the same model with safetensors and numpy, on one core: merge.py CONFIG.json FOLDER. Prints bytes, seconds and
# seconds of processor as JSON.
import json
import os
import resource
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

RANK = 16
LAYERS_IN_FILE = 6


def shapes(config):
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(config["num_hidden_layers"]):
        of = f"model.layers.{layer}."
        for name, rows in (("q", hidden), ("k", keys), ("v", keys), ("o", hidden)):
            yield f"{of}self_attn.{name}_proj.weight", (rows, hidden)
        for name in ("gate", "up"):
            yield f"{of}mlp.{name}_proj.weight", (inner, hidden)
        yield f"{of}mlp.down_proj.weight", (hidden, inner)
        yield f"{of}input_layernorm.weight", (hidden,)
        yield f"{of}post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocab, hidden)


def file_of(name):
    parts = name.split(".")
    return int(parts[2]) // LAYERS_IN_FILE + 1 if parts[1] == "layers" else 0


def write_base(folder, config):
    pool = ((np.random.default_rng(1).random(2**23, dtype=np.float32) - 0.5) * 0.0693).astype(np.float16)
    files = {}
    for name, shape in shapes(config):
        values = np.resize(pool, int(np.prod(shape))).reshape(shape)
        files.setdefault(file_of(name), {})[name] = values
    for number, tensors in files.items():
        save_file(tensors, folder / f"base-{number}.safetensors")
    return files.keys()


def adapter(config):
    random = np.random.default_rng(2)
    return {
        name: (
            (random.random((RANK, shape[1]), dtype=np.float32) - 0.5) * 0.02,
            (random.random((shape[0], RANK), dtype=np.float32) - 0.5) * 0.02,
        )
        for name, shape in shapes(config)
        if "_proj" in name
    }


def merge(folder, numbers, matrices):
    written = 0
    for number in numbers:
        merged = {}
        with safe_open(folder / f"base-{number}.safetensors", "np") as file:
            for name in file.keys():
                values = file.get_tensor(name)
                if name in matrices:
                    a, b = matrices[name]
                    values = (values.astype(np.float32) + b @ a * np.float32(1.0)).astype(np.float16)
                merged[name] = values
        target = folder / f"merged-{number}.safetensors"
        save_file(merged, target)
        written += target.stat().st_size
    return written


def main():
    config, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    numbers = list(write_base(folder, config))
    matrices = adapter(config)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    size = merge(folder, numbers, matrices)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"sizeBytes": size, "seconds": seconds, "cpuSeconds": cpu, "peakBytes": peak}))


main()
