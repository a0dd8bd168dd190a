// Watches a device for its loss and for errors that nobody caught, and ends waiting work on either.
import { UserError } from "../util/errors.ts";

/** A crash rejects pending work some milliseconds before the loss is announced. */
const lossNoticeMs = 1000;

export class DeviceWatch {
  /** Resolves once the device is lost, for whatever reason. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  /**
   * Rejects each waiting call. Not Promise.race against `lost`: that would keep the result of every
   * finished call for the device's whole life.
   */
  readonly #waiting = new Set<(error: UserError) => void>();
  #loss: UserError | null = null;
  #fault: GPUError | null = null;

  constructor(device: GPUDevice) {
    this.lost = device.lost.then((info) => {
      const loss = deviceLost(info);
      this.#loss = loss;
      this.#waiting.forEach((reject) => {
        reject(loss);
      });
      return info;
    });
    device.addEventListener("uncapturederror", ({ error }) => {
      this.#fault ??= error;
    });
  }

  get isLost(): boolean {
    return this.#loss !== null;
  }

  /** The first error that no scope caught, or null. */
  get fault(): GPUError | null {
    return this.#fault;
  }

  /** Calls of `race` and `guard` that are not settled. */
  get waitingCalls(): number {
    return this.#waiting.size;
  }

  /**
   * The work's result, or a rejection as soon as the device is lost: some promises of a lost device
   * never settle.
   */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== null) {
        work.catch(() => undefined); // nobody waits for it any more
        reject(this.#loss);
        return;
      }
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /**
   * The result of device work, or the device's loss or fault, whichever comes first.
   * @throws UserError "device-lost", "out-of-memory" or "unexpected"
   */
  async guard<T>(work: Promise<T>): Promise<T> {
    const result = await this.race(work).catch(async (error: unknown) => {
      await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, lossNoticeMs))]);
      if (this.#loss !== null) {
        throw this.#loss;
      }
      this.#throwFault(); // work on a refused buffer is rejected without a reason
      throw error;
    });
    this.#throwFault();
    return result;
  }

  /** A refused command computes nothing and reports it nowhere else: its error ends the work. */
  #throwFault(): void {
    const fault = this.#fault;
    if (fault === null) {
      return;
    }
    if (fault instanceof GPUOutOfMemoryError) {
      throw new UserError("out-of-memory", `The GPU is out of memory: ${fault.message}`, {
        remedy: "Choose a smaller batchSize, maxLength or rank, or a smaller model.",
      });
    }
    throw new UserError("unexpected", `The GPU refused a command: ${fault.message}`, {
      remedy: "Saved runs are kept. Please report this text with the name of your GPU.",
    });
  }
}

function deviceLost(info: GPUDeviceLostInfo): UserError {
  const why = info.message ? ` (${info.message})` : "";
  return new UserError("device-lost", `The GPU process stopped${why}.`, {
    remedy: "Anneal restarts it and resumes from the last saved step.",
  });
}
