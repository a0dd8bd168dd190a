# Makes the golden tokenisations: the inputs that TRL's SFTTrainer makes of given rows, for two tokenizers.
# Run: python tests/golden/tokenization.py (versions: requirements.txt; contents of the files: README.md)
import hashlib
import json
import sys
import tempfile
import warnings
from pathlib import Path

import tokenizers
import transformers
import trl
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import SFTConfig, SFTTrainer

HERE = Path(__file__).parent
FOLDER = HERE / "tokenization"
DEMO = HERE.parent.parent / "public" / "demo" / "model"
CUT = 14

# A template like Llama 2's: the begin token once at the start, the end token after every answer.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}"
    "{% elif message['role'] == 'system' %}{{ '<<SYS>>\n' + message['content'] + '\n<</SYS>>\n\n' }}"
    "{% else %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}"
)

# The same two templates with the answers marked, which TRL needs to train on answers only. The end of the turn belongs
# to the answer, as in TRL's own marked templates for ChatML models.
MARKED = {
    "bos-bpe": CHAT_TEMPLATE.replace("{% else %}", "{% else %}{% generation %}").replace(
        "{% endif %}{% endfor %}", "{% endgeneration %}{% endif %}{% endfor %}"
    ),
    "model": (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
        "{% if message['role'] == 'assistant' %}"
        "{% generation %}{{ message['content'] + '<|im_end|>\n' }}{% endgeneration %}"
        "{% else %}{{ message['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    ),
}

LINES = """the player is playing and the singer is singing while the sun is going down
Question: What is the capital of France? Answer: Paris is the capital of France.
Question: What is the tallest mountain? Answer: Mount Everest is the tallest mountain.
I don't know what we'll do, but they're asking again and again for more than 12345 things."""


def rows(eos):
    """Ordinary rows, then the edges: joined words, spaces, newlines, an end token already there, other scripts."""
    return {
        "promptCompletion": [
            {"prompt": p, "completion": c}
            for p, c in [
                ("Question: What is the capital of France?\nAnswer:", " Paris"),
                ("the player is play", "ing"),
                ("Question: ", "What?"),
                ("the sun ", " is going down"),
                ("one\n", "\ntwo\n\nthree"),
                ("The end?", f" Yes.{eos}"),
                (f"It says {eos} in", " the prompt"),
                ("", " no prompt"),
                ("no completion", ""),
                ("Größe: 12345", " naïve café 日本語 👩‍🚀"),
                ("tab\there  two spaces", "   three spaces "),
                ("a prompt that alone fills the cut with its many words, again and again", " x"),
            ]
        ],
        "messages": [
            {"messages": messages}
            for messages in [
                [user("What is the capital of France?"), assistant("Paris.")],
                [user("Hi"), assistant("Hello."), user("More?"), assistant("No\nmore.")],
                [
                    {"role": "system", "content": "Be brief."},
                    user("  spaces around  "),
                    assistant("café 日本語"),
                ],
                [user(f"What is {eos}?"), assistant("The end.")],
            ]
        ],
        "text": [
            {"text": text}
            for text in ["the sun is going down", f"it ends{eos}", "two\n\nlines\n", "日本語 👩‍🚀"]
        ],
    }


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


def tokenize(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = rows(tokenizer.eos_token)
    kinds = {}
    for kind in given:
        kinds[kind] = full(given[kind], prepared(tokenizer, given[kind]))
        # Truncated on the right; a row without a trained token is dropped.
        kinds[kind + "Cut"] = cut(prepared(tokenizer, given[kind], max_length=CUT))
    tokenizer.chat_template = MARKED[folder.name]
    options = {"assistant_only_loss": True}
    answers = full(given["messages"], prepared(tokenizer, given["messages"], **options))
    for plain, marked in zip(kinds["messages"], answers, strict=True):
        assert plain["inputIds"] == marked["inputIds"], "the marks change the text"
    kinds["messagesAssistantOnly"] = answers
    kinds["messagesAssistantOnlyCut"] = cut(
        prepared(tokenizer, given["messages"], max_length=CUT, **options)
    )
    return kinds


def full(given, results):
    return [{**row, **trained(result)} for row, result in zip(given, results, strict=True)]


def cut(results):
    return [{"row": result["row"], **trained(result)} for result in results]


def trained(result):
    mask = [int(label != -100) for label in result["labels"]]
    return {"inputIds": result["input_ids"], "completionMask": mask}


def prepared(tokenizer, given, max_length=None, **options):
    """The rows as the real SFTTrainer prepares them."""
    dataset = Dataset.from_list([{**row, "row": index} for index, row in enumerate(given)])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        eos_token_id=tokenizer.eos_token_id,
    )
    with tempfile.TemporaryDirectory() as scratch:
        arguments = SFTConfig(
            output_dir=scratch,
            use_cpu=True,
            bf16=False,
            report_to="none",
            gradient_checkpointing=False,
            max_length=max_length,
            **options,
        )
        trainer = SFTTrainer(
            LlamaForCausalLM(config), arguments, train_dataset=dataset, processing_class=tokenizer
        )
        return list(trainer.train_dataset)


def make_bos_tokenizer(folder):
    """A byte-level BPE of 320 tokens whose post-processor prepends <s>, as Llama's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES.splitlines(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "model_max_length": 1024,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def write(path, source, kinds):
    """One row per line."""

    def block(values):
        lines = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values)
        return "[\n    " + ",\n    ".join(lines) + "\n  ]"

    versions = {module.__name__: module.__version__ for module in (trl, transformers, tokenizers)}
    head = {
        "versions": versions,
        "tokenizer": source.relative_to(HERE.parent.parent).as_posix(),
        "tokenizerSha256": hashlib.sha256((source / "tokenizer.json").read_bytes()).hexdigest(),
        "cutLength": CUT,
    }
    fields = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    fields += [f'"{kind}": {block(values)}' for kind, values in kinds.items()]
    path.write_text("{\n  " + ",\n  ".join(fields) + "\n}\n")


def main():
    disable_progress_bars()
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning)
    bos = FOLDER / "bos-bpe"
    make_bos_tokenizer(bos)
    write(FOLDER / "bos-bpe.json", bos, tokenize(bos))
    if not (DEMO / "tokenizer.json").exists():
        sys.exit(f"{DEMO} has no tokenizer.json yet; only bos-bpe.json was made")
    write(FOLDER / "demo.json", DEMO, tokenize(DEMO))


if __name__ == "__main__":
    main()
