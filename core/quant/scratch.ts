/** Memory for intermediate values, used again for block after block: freed memory would wait for the garbage collector meanwhile. */
export type Scratch = {
  /** Of so many elements, with whatever they last held; the same memory each time. */
  readonly floats: (length: number) => Float32Array<ArrayBuffer>
  readonly integers: (length: number) => Int8Array<ArrayBuffer>
}

export function createScratch(): Scratch {
  let [floats, integers] = [new Float32Array(0), new Int8Array(0)]
  return {
    floats: (length) => {
      if (floats.length < length) floats = new Float32Array(length)
      return floats.subarray(0, length)
    },
    integers: (length) => {
      if (integers.length < length) integers = new Int8Array(length)
      return integers.subarray(0, length)
    },
  }
}
