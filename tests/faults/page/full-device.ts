// A device that has no room for one buffer: it is asked for more than SwiftShader has, so the refusal is a real one.

/** What no allocation of SwiftShader gives, though the limits allow it. */
const tooManyBytes = 2 ** 30;

let countdown = -1;
let made = 0;

const create = Reflect.get<GPUDevice, "createBuffer">(GPUDevice.prototype, "createBuffer");
GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
  made += 1;
  const isRefused = countdown-- === 0;
  return create.call(this, isRefused ? { ...descriptor, size: tooManyBytes } : descriptor);
};

/** The k-th buffer from now on is refused; -1 lets all be made. Answers how many were made since the last call. */
export function failBuffer(k: number): number {
  countdown = k;
  return made - (made = 0);
}
