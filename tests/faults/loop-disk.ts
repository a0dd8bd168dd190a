// A disk of its own in a file (ext4 on a loop device), whose power can be cut: what the system had
// not written to it is gone. Needs root, and a system that lets it mount.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const sizeBytes = 2 ** 30;

export class LoopDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #file: string;

  /** @throws Error with what `mkfs.ext4` or `mount` says */
  constructor(folder: string, name: string) {
    this.path = join(folder, name);
    this.#file = `${this.path}.ext4`;
    mkdirSync(this.path);
    writeFileSync(this.#file, "");
    truncateSync(this.#file, sizeBytes);
    run("mkfs.ext4", "-q", "-F", this.#file);
    this.#mount();
  }

  /** To be called when nobody uses it. */
  cutPower(): void {
    const left = `${this.#file}.left`;
    run("cp", "--sparse=always", this.#file, left);
    // What the system still held goes to the file that is no longer the disk.
    this.#unmount();
    renameSync(left, this.#file);
    this.#mount();
  }

  remove(): void {
    this.#unmount();
    rmSync(this.#file);
  }

  #mount(): void {
    run("mount", "-o", "loop", this.#file, this.path);
  }

  /** Also when a helper of a browser that has ended still looks at it. */
  #unmount(): void {
    run("umount", "--lazy", this.path);
  }
}

function run(command: string, ...given: string[]): void {
  execFileSync(command, given, { stdio: "pipe" });
}
