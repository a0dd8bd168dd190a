// Inputs that need no download: a tokenizer of single letters, and rows of small sums.

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,?!'";
const specials = ["<s>", "</s>"];

/** The files of a BPE tokenizer without merges: 70 ids, fewer than any golden's vocabulary. */
export function letterTokenizer(): Record<string, string> {
  const added = specials.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const vocab = Object.fromEntries(
    [...specials, ...letters.split("")].map((token, id) => [token, id]),
  );
  return {
    "tokenizer.json": JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: [],
      },
    }),
    "tokenizer_config.json": JSON.stringify({
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<s>",
      eos_token: "</s>",
    }),
  };
}

/** JSONL of questions with one answer each. */
export function sums(count: number): string {
  return Array.from({ length: count }, (_, first) => {
    const second = (7 * first) % 13;
    const prompt = `What is ${first} and ${second}?`;
    return JSON.stringify({ prompt, completion: ` It is ${first + second}, sir.` });
  }).join("\n");
}
