// The visitor's consent to fetch what the page's address asks for. A policy in force can only be
// narrowed, so consent reloads the page, which then allows these addresses. It is kept with the
// entry of the session history, where no other page can write, and used up by that reload.
import { asksForFiles, type Asked } from "../../host/asked.ts";

const key = "annealAllowed";

/** Reloads the page with the addresses of this request allowed. */
export function allowAsked(asked: Asked): void {
  history.replaceState({ [key]: signatureOf(asked) }, "");
  location.reload();
}

/** Whether the visitor has just allowed this request; true once. */
export function takeConsent(asked: Asked): boolean {
  const state: unknown = history.state;
  const given =
    typeof state === "object" && state !== null && key in state
      ? (state as Record<string, unknown>)[key]
      : null;
  if (given !== null) {
    history.replaceState(null, "");
  }
  return asksForFiles(asked) && given === signatureOf(asked);
}

/** Takes the request out of the page's address, so that a reload does not ask again. */
export function forgetAsked({ host }: Asked): void {
  const url = new URL(location.href);
  for (const name of ["model", "data", "recipe", ...(host === null ? ["host"] : [])]) {
    url.searchParams.delete(name);
  }
  history.replaceState(null, "", url);
}

function signatureOf({ model, data, recipe }: Asked): string {
  return JSON.stringify([model, data, recipe]);
}
