# Checks the bundled demo with transformers and PEFT, and prints the numbers of README.md.
# Exits with an error when a check fails.
import argparse
from pathlib import Path

import torch

from finetune import HELD_OUT, Recipe, encode, finetune, greedy, held_out_loss, load, read_rows
from questions import RESERVED, all_questions

DEMO = Path(__file__).resolve().parents[2] / "public" / "demo"
RECOMMENDED = Recipe()
SWEEP = [
    Recipe(seed=1),
    Recipe(seed=2),
    Recipe(rate=2e-3),
    Recipe(rate=3e-3),
    Recipe(rate=8e-3),
    Recipe(schedule="linear"),
    Recipe(steps=40),
    Recipe(batch=4),
    Recipe(batch=4, steps=40),
    Recipe(rank=4, alpha=8),
    Recipe(rank=4, alpha=8, batch=4),
    Recipe(rank=4, alpha=8, batch=4, steps=40),
]
STORIES = ("Once there was a little dog called", "Anna is a baker.", "Today it was cold.", "A cow is an animal.")
EOS = "<|endoftext|>"


def check(condition: bool, what: str) -> None:
    print(("ok      " if condition else "FAILED  ") + what)
    if not condition:
        raise SystemExit(1)


def prompt_of(question: str) -> str:
    return f"Question: {question}\nAnswer:"


def show_files(folder: Path) -> None:
    sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    for path, size in sizes.items():
        print(f"{size:9,d}  {path.relative_to(folder)}")
    check(sum(sizes.values()) < 2_500_000, f"{sum(sizes.values()):,d} bytes in all")


def check_rows(rows: list[dict[str, str]], examples) -> None:
    lengths = [len(ids) for ids, _ in examples]
    trained = [len(ids) - prompt for ids, prompt in examples]
    print(f"rows {len(rows)}, tokens per row: mean {sum(lengths) / len(rows):.1f}, longest {max(lengths)}, "
          f"trained on {sum(trained) / len(rows):.1f} of them")
    check(all(set(row) == {"prompt", "completion"} for row in rows), "every row has exactly prompt and completion")
    check(len({row["prompt"] for row in rows}) == len(rows), "no prompt is repeated")
    check(not {row["prompt"] for row in rows} & {prompt_of(q) for q in RESERVED}, "no reserved question in the data")
    check(max(lengths) <= 40, "no row over 40 tokens")


def chat_reply(model, tokenizer) -> str:
    turns = [{"role": "user", "content": RESERVED[0]}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return greedy(model, tokenizer, [prompt])[0]


def check_base(model, tokenizer, rows) -> None:
    questions = all_questions()
    plain = [f" {q.plain}{EOS}" for q in questions]
    answers = greedy(model, tokenizer, [q.prompt for q in questions])
    right = [a == p for a, p in zip(answers, plain)]
    known = {q.prompt: (a, ok) for q, a, ok in zip(questions, answers, right)}
    for row in rows[-20:]:
        print("   ", row["prompt"].splitlines()[0], "->", known[row["prompt"]][0])
    check(all(a.endswith(EOS) for a in answers), "every base answer ends")
    print(f"base answers correct word for word: {sum(right)} of {len(right)}; "
          f"held out: {sum(known[r['prompt']][1] for r in rows[-HELD_OUT:])} of {HELD_OUT}")
    print("    wrong:", [(q.text, a) for q, a, ok in zip(questions, answers, right) if not ok][:8])
    check(sum(right) >= 0.95 * len(right), "95 % of the base answers are correct")
    for start, text in zip(STORIES, greedy(model, tokenizer, list(STORIES), limit=110)):
        print("    story:", start + text)
    reply = chat_reply(model, tokenizer)
    print("    chat:", repr(reply))
    check(reply.endswith("<|im_end|>"), "the chat reply ends")


def sounds_like_captain(text: str) -> bool:
    return text.endswith("!" + EOS) and any(f" {w}" in text for w in ("be", "aye", "nay", "ye"))


def try_recipe(folder: Path, recipe: Recipe, train, held_out, rows, show: bool) -> dict[int, float]:
    model, tokenizer = load(folder)
    prompts = [prompt_of(q) for q in RESERVED] + [row["prompt"] for row in rows[-HELD_OUT:]]
    before = greedy(model, tokenizer, prompts) if show else []
    model, losses = finetune(model, train, held_out, recipe, tokenizer.pad_token_id)
    after = greedy(model.eval(), tokenizer, prompts)
    facts = {q.prompt: q.captain for q in all_questions()}
    captain, right = sum(map(sounds_like_captain, after)), sum(facts[p] in a for p, a in zip(prompts, after))
    falls = "  ".join(f"{step}: {loss:.3f} (-{1 - loss / losses[0]:.1%})" for step, loss in losses.items())
    print(f"{recipe}  |  {falls}  |  captain {captain}/{len(prompts)}  facts correct {right}/{len(prompts)}", flush=True)
    if show:
        for prompt, old, new in list(zip(prompts, before, after))[:16]:
            print(f"    {prompt.splitlines()[0]}\n        before:{old}\n        after: {new}")
        check(not any(map(sounds_like_captain, before)), "before training, no answer sounds like the captain")
        check(captain >= 0.9 * len(prompts), "after training, nine of ten answers sound like the captain")
        print("    chat after:", repr(chat_reply(model, tokenizer)))
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the demo model and its data.")
    parser.add_argument("--demo", type=Path, default=DEMO)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sweep", action="store_true", help="try the other recipes too")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = args.demo / "model"
    model, tokenizer = load(folder)
    rows = read_rows(args.demo / "data.jsonl")
    examples = [encode(tokenizer, row) for row in rows]
    train, held_out = examples[:-HELD_OUT], examples[-HELD_OUT:]
    show_files(args.demo)
    print(f"parameters {sum(p.numel() for p in model.parameters()):,d}")
    check(model.get_input_embeddings().num_embeddings == len(tokenizer), "one embedding row for every token")
    check_rows(rows, examples)
    check_base(model, tokenizer, rows)
    print(f"held-out loss of the base {held_out_loss(model, held_out, tokenizer.pad_token_id):.4f}")
    losses = try_recipe(folder, RECOMMENDED, train, held_out, rows, show=True)
    check(losses[40] < 0.45 * losses[0], "held-out loss falls by 55 % in 40 steps")
    check(losses[60] < 0.35 * losses[0], "held-out loss falls by 65 % in 60 steps")
    for recipe in SWEEP if args.sweep else []:
        try_recipe(folder, recipe, train, held_out, rows, show=False)


if __name__ == "__main__":
    main()
