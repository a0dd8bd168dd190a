# Loads MLX adapters that Anneal wrote with mlx-lm, and compares next-token probabilities with Anneal's. Each model has
# negative controls: a matrix read in the other order, and an adapter of zeros, must miss.
import argparse
import json
import shutil
import tempfile
from pathlib import Path

import mlx.core as mx
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model

TOLERANCE = 1e-3


def probabilities(model, tokens):
    return mx.softmax(model(mx.array([tokens]))[0, -1].astype(mx.float32)).tolist()


def furthest(subject, adapter, which):
    """Largest difference of a probability from Anneal's, over all prompts."""
    model, _ = load_model(Path(subject["model"]))
    if adapter is not None:
        load_adapters(model, str(adapter))
    return max(
        abs(found - expected)
        for prompt in subject["prompts"]
        for found, expected in zip(probabilities(model, prompt["tokens"]), prompt[which], strict=True)
    )


def changed(subject, change):
    """The adapter folder with other tensors."""
    folder = Path(tempfile.mkdtemp())
    shutil.copy(Path(subject["adapter"]) / "adapter_config.json", folder)
    tensors = mx.load(str(Path(subject["adapter"]) / "adapters.safetensors"))
    mx.save_safetensors(str(folder / "adapters.safetensors"), change(tensors))
    return folder


def one_misread(suffix):
    """A matrix with its values in the order of its transpose, as without the transpose that MLX needs."""

    def change(tensors):
        name = next(name for name in sorted(tensors) if name.endswith(suffix))
        matrix = tensors[name]
        return {**tensors, name: matrix.T.reshape(matrix.shape)}

    return change


def zeros(tensors):
    return {name: mx.zeros_like(tensor) for name, tensor in tensors.items()}


def base_agrees(subject):
    difference = furthest(subject, None, "withoutAdapter")
    assert difference <= TOLERANCE, f"without the adapter a probability is off by {difference:.1e}"
    return f"off by at most {difference:.1e}"


def adapter_agrees(subject):
    moved = max(
        abs(a - b)
        for prompt in subject["prompts"]
        for a, b in zip(prompt["withAdapter"], prompt["withoutAdapter"], strict=True)
    )
    assert moved > 0.05, f"the adapter moves no probability by more than {moved:.1e}"
    difference = furthest(subject, subject["adapter"], "withAdapter")
    assert difference <= TOLERANCE, f"a probability is off by {difference:.1e}"
    return f"off by at most {difference:.1e}; the adapter moves probabilities by up to {moved:.2f}"


def misread_matrices_miss(subject):
    for suffix in ("lora_a", "lora_b"):
        difference = furthest(subject, changed(subject, one_misread(suffix)), "withAdapter")
        assert difference > TOLERANCE, f"one {suffix} in the other order is off by {difference:.1e} only"
    return "one lora_a, one lora_b"


def zeros_miss(subject):
    difference = furthest(subject, changed(subject, zeros), "withAdapter")
    assert difference > TOLERANCE, f"an adapter of zeros is off by {difference:.1e} only"
    return f"off by {difference:.2f}"


CHECKS = [base_agrees, adapter_agrees, misread_matrices_miss, zeros_miss]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("subjects", type=Path)
    mx.set_default_device(mx.cpu)
    subjects = json.loads(parser.parse_args().subjects.read_text("utf-8"))
    failed = 0
    for subject in subjects:
        for check in CHECKS:
            name = f"MLX, {subject['name']}: {check.__name__.replace('_', ' ')}"
            try:
                print(f"ok    {name}: {check(subject)}")
            except Exception as error:  # every check runs, even after a failure
                failed += 1
                print(f"FAIL  {name}: {type(error).__name__}: {error}")
    print(f"{len(subjects) * len(CHECKS) - failed} passed, {failed} failed")


main()
