/** Whether every number is finite. `bytes` are little-endian floats of the type, at any alignment. An exponent of all ones is NaN or an infinity (IEEE 754). */
export function allFinite(bytes: Uint8Array, numberType: 'f16' | 'f32'): boolean {
  // The exponent lies in the last byte and in part of the one before it, on any machine.
  const step = numberType === 'f16' ? 2 : 4
  const [high, low] = numberType === 'f16' ? [0x7c, 0] : [0x7f, 0x80]
  for (let i = step - 1; i < bytes.length; i += step) {
    if (((bytes[i] ?? 0) & high) === high && ((bytes[i - 1] ?? 0) & low) === low) return false
  }
  return true
}
