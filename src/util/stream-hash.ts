// Hashes of bytes that come in pieces; WebCrypto hashes whole values only.
export { createSHA256 } from "hash-wasm";
