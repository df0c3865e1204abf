/** Whether the engine multiplies bytes as relaxed SIMD does: `kernels/assembly/product-nibbles-relaxed.ts` keeps to factors on which all engines agree. */

/** A module of one function: `i16x8.relaxed_dot_i8x16_i7x16_s` of two vectors. */
const PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
  ...[1, 5, 1, 96, 0, 1, 123], // type: () → v128
  ...[3, 2, 1, 0], // one function of it
  ...[10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11], // splat 1, splat 2, the product
)

export const hasRelaxedSimd = (): boolean => WebAssembly.validate(PROBE)
