// How a prompt reaches the model: as the rows of the data did that it was trained on.

export interface PromptForm {
  /** Whether it is a user's message in the chat template, or text. */
  isChat: boolean;
  /** The message of the system before it; "" for none. */
  system: string;
}

/** Text after a system message, which has no place of its own there. */
export function withSystem(system: string, prompt: string): string {
  return system === "" ? prompt : `${system}\n\n${prompt}`;
}

/** System messages that are told apart. With more, none is common. */
const maxSystems = 10_000;

/** Counts the forms of rows, to find the one that most of them have. */
export class PromptForms {
  readonly #systems = new Map<string, number>();
  #chats = 0;
  #rows = 0;

  add({ isChat, system }: PromptForm): void {
    this.#rows++;
    this.#chats += isChat ? 1 : 0;
    const known = this.#systems.get(system) ?? 0;
    if (known > 0 || this.#systems.size < maxSystems) {
      this.#systems.set(system, known + 1);
    }
  }

  /** A system message belongs to it where more than half of the rows have this one. */
  get common(): PromptForm {
    const found = [...this.#systems].find(([, count]) => 2 * count > this.#rows);
    return { isChat: 2 * this.#chats > this.#rows, system: found?.[0] ?? "" };
  }
}
