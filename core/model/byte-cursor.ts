/** Little-endian reading of a buffer that may be the start of a longer file. */

export type ByteCursor = {
  readonly position: () => number
  readonly uint8: () => number
  readonly uint16: () => number
  readonly uint32: () => number
  readonly uint64: () => number
  readonly int64: () => number
  readonly float32: () => number
  readonly float64: () => number
  /** UTF-8 after its length in eight bytes. */
  readonly text: () => string
  /** Ends the reading: the bytes are wrong. */
  readonly refuse: (what: string) => never
  /** Why it ended, if it was refused. */
  readonly refusal: () => string | null
  /** Bytes that the buffer would have had to have, if it ended for want of them. */
  readonly missing: () => number | null
}

export function byteCursor(bytes: Uint8Array): ByteCursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let position = 0
  let refusal: string | null = null
  let missing: number | null = null
  const refuse = (what: string): never => {
    refusal = what
    throw new Error(what)
  }
  const take = (count: number): number => {
    const at = position
    if (at + count > bytes.length) {
      missing = at + count
      throw new Error(`${missing} bytes are needed`)
    }
    position += count
    return at
  }
  const whole = (value: bigint): number => {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : refuse(`the number ${value}`)
  }
  const uint64 = (): number => whole(view.getBigUint64(take(8), true))
  return {
    position: () => position,
    uint8: () => view.getUint8(take(1)),
    uint16: () => view.getUint16(take(2), true),
    uint32: () => view.getUint32(take(4), true),
    uint64,
    int64: () => whole(view.getBigInt64(take(8), true)),
    float32: () => view.getFloat32(take(4), true),
    float64: () => view.getFloat64(take(8), true),
    text: () => {
      const length = uint64()
      const at = take(length)
      return decoder.decode(bytes.subarray(at, at + length))
    },
    refuse,
    refusal: () => refusal,
    missing: () => missing,
  }
}
