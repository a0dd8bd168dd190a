// Light, dark or as the system has it; remembered where the browser allows it.
import { MediaQuery } from "svelte/reactivity";

export const themeNames = ["system", "light", "dark"] as const;
export type ThemeName = (typeof themeNames)[number];

const storageKey = "anneal.theme";

export class Theme {
  choice = $state<ThemeName>(remembered());
  readonly #systemDark = new MediaQuery("prefers-color-scheme: dark");
  readonly isDark = $derived(
    this.choice === "dark" || (this.choice === "system" && this.#systemDark.current),
  );

  constructor() {
    this.#apply();
  }

  choose(name: ThemeName): void {
    this.choice = name;
    this.#apply();
    try {
      localStorage.setItem(storageKey, name);
    } catch {
      // Storage is blocked: the choice lasts until the page is closed.
    }
  }

  #apply(): void {
    document.documentElement.dataset["theme"] = this.choice;
  }
}

function remembered(): ThemeName {
  try {
    const stored = localStorage.getItem(storageKey);
    return themeNames.find((name) => name === stored) ?? "system";
  } catch {
    return "system";
  }
}
