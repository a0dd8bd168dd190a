// One run in one tab: a Web Lock keeps a second tab from training, and this tab from being frozen while it does.
import { UserError } from "../util/errors.ts";

const lockName = "anneal-run";

/** Holds the lock until the returned function is called. @throws UserError "busy" when another tab holds it */
export async function takeTabLock(): Promise<() => void> {
  return await new Promise((resolve, reject) => {
    void navigator.locks.request(lockName, { ifAvailable: true }, async (lock) => {
      if (lock === null) {
        reject(
          new UserError("busy", "A run is going on in another tab of this browser.", {
            remedy: "Go on there, or close that tab and try again.",
          }),
        );
        return;
      }
      await new Promise<void>((release) => {
        resolve(release);
      });
    });
  });
}
