"""Makes the offsets of the difficult texts with Hugging Face tokenizers, for the tokenizers of make.py.

For each text: two numbers a token, the code points from the end of the token before and the length.
"""

import json

import tokenizers
from make import HERE, PACKAGES, REAL
from strings import STRINGS
from tokenizers import Tokenizer


def offsets_of(tokenizer, text):
    places, last = [], 0
    for begin, end in tokenizer.encode(text).offsets:
        places += [begin - last, end - begin]
        last = end
    return places


def write(name, tokenizer):
    (HERE / "offsets").mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(offsets_of(tokenizer, text), separators=(",", ":")) for text in STRINGS)
    head = f'{{"tokenizers": "{tokenizers.__version__}",\n"offsets": [\n'
    (HERE / "offsets" / f"{name}.json").write_text(head + lines + "\n]}\n")


def main():
    for name in REAL:
        write(name, Tokenizer.from_file(str(PACKAGES / f"tokenizer-{name}" / "models" / "tokenizer.json")))
    for name, variant in json.loads((HERE / "variants.json").read_text()).items():
        path = PACKAGES / f"tokenizer-{variant['of']}" / "models" / "tokenizer.json"
        write(name, Tokenizer.from_str(json.dumps({**json.loads(path.read_text()), **variant["changes"]})))
    for path in sorted((HERE / "trained").glob("*.json")):
        write(path.stem, Tokenizer.from_file(str(path)))


if __name__ == "__main__":
    main()
