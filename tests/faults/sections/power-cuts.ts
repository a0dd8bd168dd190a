// The power is cut at a random moment while the browser saves without end: beside its processes,
// all is gone that the system had not yet written to the disk. With `relaxed` transactions every
// cut loses what was acknowledged.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "../browser.ts";
import { LoopDisk } from "../loop-disk.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";
import { killAtRandom } from "./random-kills.ts";

/** Nothing where no disk can be made: then it is said. */
export async function powerCuts(
  backend: Backend,
  count: number,
  setting: Setting,
  tally: Tally,
): Promise<void> {
  let disk: LoopDisk;
  try {
    disk = new LoopDisk(setting.folder, `power-cuts-${backend}`);
  } catch (error) {
    console.log(`${backend}: no power is cut, for want of a disk (${String(error)})`);
    return;
  }
  try {
    tally.add(`${backend}, a disk that forgets what was not flushed`, forgetfulnessFaults(disk));
    const profile = join(disk.path, "profile");
    const afterKill = () => {
      disk.cutPower();
    };
    await killAtRandom("power cut", { profile, backend, afterKill }, count, setting, tally);
  } finally {
    disk.remove();
  }
}

/** A cut that cuts nothing would prove nothing. */
function forgetfulnessFaults(disk: LoopDisk): string[] {
  const isKept = (name: string) => {
    const path = join(disk.path, name);
    return existsSync(path) && readFileSync(path, "utf8") === "kept";
  };
  writeFileSync(join(disk.path, "flushed"), "kept", { flush: true });
  writeFileSync(join(disk.path, "not flushed"), "kept");
  disk.cutPower();
  return [
    ...(isKept("flushed") ? [] : ["it forgot what was flushed"]),
    ...(isKept("not flushed") ? ["it kept what was not flushed"] : []),
  ];
}
