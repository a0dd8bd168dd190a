// Colour scheme of the page: light, dark or the system's; stored where the browser allows it.
import { MediaQuery } from "svelte/reactivity";

export const themeNames = ["system", "light", "dark"] as const;
export type ThemeName = (typeof themeNames)[number];

const storageKey = "anneal.theme";

export class Theme {
  choice = $state<ThemeName>(storedChoice());
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
      // Storage is blocked: the choice lasts until the page closes.
    }
  }

  #apply(): void {
    document.documentElement.dataset["theme"] = this.choice;
  }
}

function storedChoice(): ThemeName {
  try {
    const stored = localStorage.getItem(storageKey);
    return themeNames.find((name) => name === stored) ?? "system";
  } catch {
    return "system";
  }
}
