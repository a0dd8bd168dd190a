// A machine whose device can be lost, or out of memory, at a chosen moment, as after a crash of the
// GPU process.
import type { Machine, openMachine } from "../../../../src/engine/tfjs/backend.ts";
import { NoDevice } from "../../../../src/gpu/device.ts";
import { UserError } from "../../../../src/util/errors.ts";
import { answerTheLiving } from "./lives.ts";

/** Faults of the next machines, set by a test. */
export const devices = {
  opened: 0,
  /** Thrown by the next guarded work. */
  fault: null as UserError | null,
  /** The number of refused requests for a device. */
  refusals: 0,
  /** Guarded work waits for this: a GPU that hangs but is not lost. */
  hang: null as (() => Promise<void>) | null,
};

export function deviceLost(): UserError {
  return new UserError("device-lost", "The GPU process stopped.", { remedy: "Wait." });
}

export function deviceFull(): UserError {
  return new UserError("out-of-memory", "The GPU is full.", { remedy: "Less." });
}

export async function openFragile(
  open: typeof openMachine,
  ...given: Parameters<typeof openMachine>
): Promise<Machine> {
  await answerTheLiving();
  if (devices.refusals > 0) {
    devices.refusals--;
    throw new NoDevice();
  }
  devices.opened++;
  const machine = await open(...given);
  let isLost = false;
  return {
    ...machine,
    isLost: () => isLost,
    async guard(work) {
      const result = await machine.guard(work);
      await devices.hang?.();
      await answerTheLiving();
      const { fault } = devices;
      if (fault !== null) {
        devices.fault = null;
        isLost = fault.code === "device-lost";
        throw fault;
      }
      return result;
    },
  };
}
