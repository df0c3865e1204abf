/** The largest logits of a vocabulary from those of its pieces. */
import { asFloat32 } from '../core/quant/stored.ts'
import type { HeadOutput } from '../core/text/head-output.ts'

export type Shortlist = NonNullable<HeadOutput['shortlist']>

/** Of the ids that a piece leaves empty: it has fewer logits than a list has places. */
const NO_ID = -1

/** What the kernel wrote: ids, logits, log-sum-exp. @param start id of the piece's first logit */
export function readShortlist(bytes: Uint8Array, start: number): Shortlist {
  const words = bytes.length / 4
  const size = (words - 1) / 2
  const floats = asFloat32(bytes)
  const ids = new Int32Array(floats.buffer, floats.byteOffset, size)
  const found = ids.indexOf(NO_ID) < 0 ? size : ids.indexOf(NO_ID)
  return {
    ids: ids.slice(0, found).map((id) => id + start),
    logits: floats.slice(size, size + found),
    logSumExp: floats[words - 1] ?? NaN,
  }
}

/** One list of `size` entries, highest first, the lower id first among equals; log-sum-exp over all pieces. */
export function mergeShortlists(pieces: readonly Shortlist[], size: number): Shortlist {
  const [only, ...others] = pieces
  if (only && others.length === 0) return only
  const entries = pieces.flatMap(({ ids, logits }) => Array.from(ids, (id, i) => ({ id, logit: logits[i] ?? NaN })))
  const kept = entries.sort((a, b) => b.logit - a.logit || a.id - b.id).slice(0, size)
  const most = Math.max(...pieces.map(({ logSumExp }) => logSumExp))
  const sum = pieces.reduce((total, { logSumExp }) => total + Math.exp(logSumExp - most), 0)
  return {
    ids: Int32Array.from(kept, ({ id }) => id),
    logits: Float32Array.from(kept, ({ logit }) => logit),
    logSumExp: most === -Infinity ? most : most + Math.log(sum),
  }
}
