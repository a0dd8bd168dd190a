// Opens a GPUDevice with the adapter's largest limits, and waits for one after a crash.
import { UserError } from "../util/errors.ts";
import { DeviceWatch } from "./device-watch.ts";
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

/** After a crash `requestAdapter()` is null for about half a second: these waits cover three. */
const deviceWaitsMs = [0, 100, 300, 600, 1000, 1000];
const adapterWaitsMs = deviceWaitsMs.slice(0, 4);

/**
 * A device with the adapter's largest limits.
 * @throws UserError "device-lost" when there is none within three seconds
 */
export async function openDevice(gpu: GPU): Promise<OpenDevice> {
  const opened = await firstOf(deviceWaitsMs, async () => await tryDevice(gpu));
  if (opened === null) {
    throw new NoDevice();
  }
  await findExtensions(opened);
  return opened;
}

/** An adapter, or null when there is none within a second. */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  return await firstOf(adapterWaitsMs, async () => await requestAdapter(gpu));
}

/** No device was given, unlike one that was given and lost: only waiting helps. */
export class NoDevice extends UserError {
  constructor() {
    super("device-lost", "The browser gives no GPU at the moment.", {
      remedy: "Wait two minutes or reload the page with the browser's own button.",
    });
  }
}

/** Tries after each of the waits, until an attempt is not null. */
async function firstOf<T>(
  waitsMs: readonly number[],
  attempt: () => Promise<T | null>,
): Promise<T | null> {
  for (const waitMs of waitsMs) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const result = await attempt();
    if (result !== null) {
      return result;
    }
  }
  return null;
}

async function tryDevice(gpu: GPU): Promise<OpenDevice | null> {
  const adapter = await requestAdapter(gpu);
  if (adapter === null) {
    return null;
  }
  // A GPU process that dies meanwhile rejects the request.
  const device = await requestFrom(adapter).catch(() => null);
  if (device === null) {
    return null;
  }
  const opened = describe(device, adapter.info);
  return (await isAlreadyLost(opened)) ? null : opened;
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  return await gpu.requestAdapter({ powerPreference: "high-performance" });
}

async function requestFrom(adapter: GPUAdapter): Promise<GPUDevice> {
  const limits = raisedLimits.map((name) => [name, adapter.limits[name]] as const);
  return await adapter.requestDevice({
    requiredLimits: Object.fromEntries(limits),
    requiredFeatures: offeredFeatures(adapter),
  });
}

function describe(device: GPUDevice, adapterInfo: GPUAdapterInfo): OpenDevice {
  const watch = new DeviceWatch(device);
  return {
    device,
    adapterInfo,
    name: nameOf(adapterInfo),
    extensions: new Set(),
    lost: watch.lost,
    isLost: () => watch.isLost,
    race: (work) => watch.race(work),
    fault: () => watch.fault,
    guard: (work) => watch.guard(work),
  };
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
