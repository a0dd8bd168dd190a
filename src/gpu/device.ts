// Gets a GPUDevice, again after a loss, and never leaves an await hanging on a device that is gone.
import { UserError } from "../util/errors.ts";
import { findExtensions, offeredFeatures } from "./extensions.ts";
import type { OpenDevice } from "./open-device.ts";

/**
 * Raised to the adapter's maximum: the defaults (128 MiB bindings) are too small for an embedding
 * table.
 */
const raisedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBuffersPerShaderStage",
] as const;

/**
 * After a crash `requestAdapter()` is null for about half a second: these waits cover three
 * seconds.
 */
const retryWaitsMs = [0, 100, 300, 600, 1000, 1000];

/**
 * A device with the adapter's largest limits.
 * @throws UserError "device-lost" when no adapter is to be had within three seconds
 */
export async function openDevice(gpu: GPU): Promise<OpenDevice> {
  for (const waitMs of retryWaitsMs) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) {
      continue;
    }
    // A GPU process that dies meanwhile rejects the request.
    const device = await requestFrom(adapter).catch(() => null);
    if (device === null) {
      continue;
    }
    const opened = watch(device, adapter.info);
    if (!(await isAlreadyLost(opened))) {
      await findExtensions(opened);
      return opened;
    }
  }
  throw new NoDevice();
}

/** An adapter, or null when none is to be had within a second. */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  for (const waitMs of retryWaitsMs.slice(0, 4)) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter !== null) {
      return adapter;
    }
  }
  return null;
}

/** None was given, which is something else than one that was lost: only waiting helps. */
export class NoDevice extends UserError {
  constructor() {
    super("device-lost", "The browser gives no GPU at the moment.", {
      remedy: "Wait two minutes or reload the page with the browser's own button.",
    });
  }
}

async function requestFrom(adapter: GPUAdapter): Promise<GPUDevice> {
  const limits = raisedLimits.map((name) => [name, adapter.limits[name]] as const);
  return await adapter.requestDevice({
    requiredLimits: Object.fromEntries(limits),
    requiredFeatures: offeredFeatures(adapter),
  });
}

function watch(device: GPUDevice, adapterInfo: GPUAdapterInfo): OpenDevice {
  let isLost = false;
  let fault: GPUError | null = null;
  // Not Promise.race against `lost`: that would keep every finished await for the device's whole
  // life.
  const waiting = new Set<(error: UserError) => void>();
  let loss: UserError | null = null;
  const lost = device.lost.then((info) => {
    isLost = true;
    loss = deviceLost(info);
    for (const reject of waiting) {
      reject(loss);
    }
    return info;
  });
  const race = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (loss !== null) {
        reject(loss); // what is begun on a lost device may never settle
      }
      waiting.add(reject);
      work.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  device.addEventListener("uncapturederror", ({ error }) => {
    fault ??= error;
  });
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    const result = await race(work).catch(async (error: unknown) => {
      // A crash rejects pending work some milliseconds before the loss is announced.
      await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, 1000))]);
      if (isLost) {
        throw deviceLost(await lost);
      }
      throwFault(fault); // work on a buffer that was refused is rejected, without a word of why
      throw error;
    });
    throwFault(fault);
    return result;
  };
  return {
    device,
    adapterInfo,
    name: nameOf(adapterInfo),
    extensions: new Set(),
    lost,
    isLost: () => isLost,
    race,
    fault: () => fault,
    guard,
  };
}

/**
 * A rejected command computes nothing and says so nowhere else, so an error that nobody caught ends
 * the work.
 */
function throwFault(fault: GPUError | null): void {
  if (fault instanceof GPUOutOfMemoryError) {
    throw new UserError("out-of-memory", `The GPU is out of memory: ${fault.message}`, {
      remedy: "Choose a smaller batchSize, maxLength or rank, or a smaller model.",
    });
  }
  if (fault !== null) {
    throw new UserError("unexpected", `The GPU refused a command: ${fault.message}`, {
      remedy: "Saved runs are kept. Please report this text with the name of your GPU.",
    });
  }
}

/** requestDevice may hand out a device that is lost from the start. */
async function isAlreadyLost(opened: OpenDevice): Promise<boolean> {
  await Promise.race([opened.lost, Promise.resolve()]);
  return opened.isLost();
}

function nameOf(info: GPUAdapterInfo): string {
  const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(" ");
  return name || "GPU";
}

/** The error of a lost device. */
export function deviceLost(info: GPUDeviceLostInfo | null): UserError {
  const why = info?.message ? ` (${info.message})` : "";
  return new UserError("device-lost", `The GPU process stopped${why}.`, {
    remedy: "Anneal starts it again and goes on from the last saved step.",
  });
}
