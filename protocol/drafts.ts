/** Guessed tokens in an activation, and which guesses before them were given up: behind its numbers, ahead of the timings. */

export type Drafts = {
  /** How often the head has given up drafts of this sequence that did not hold. */
  readonly branch: number
  /** Nothing from this position on holds of what came in an earlier branch. */
  readonly since: number
  /** Ids of the last tokens of the frame that are guesses. */
  readonly drafts: readonly number[]
}

export const NO_DRAFTS: Drafts = { branch: 0, since: 0, drafts: [] }
/** More than any head drafts. */
const MAX_DRAFTS = 256
const HEAD_BYTES = 12

/** Branch, since, number of drafts, and the drafts, 4 bytes each; nothing where there is nothing to say. */
export function encodeDrafts({ branch, since, drafts }: Drafts): Uint8Array {
  if (branch === 0 && drafts.length === 0) return new Uint8Array(0)
  const bytes = new Uint8Array(HEAD_BYTES + drafts.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of [branch, since, drafts.length, ...drafts].entries()) view.setUint32(i * 4, value, true)
  return bytes
}

/** The drafts at the start of `bytes`, and how many bytes they take; null where they are none of a frame of `count` tokens. */
export function decodeDrafts(bytes: Uint8Array, count: number): { readonly drafts: Drafts; readonly bytes: number } | null {
  if (bytes.length < HEAD_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (index: number): number => view.getUint32(index * 4, true)
  const [branch, since, length] = [at(0), at(1), at(2)]
  const end = HEAD_BYTES + length * 4
  if (length > Math.min(count, MAX_DRAFTS) || end > bytes.length) return null
  return { drafts: { branch, since, drafts: Array.from({ length }, (_, i) => at(3 + i)) }, bytes: end }
}
