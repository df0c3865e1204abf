/** What the kernels must know of each row of a pass: whose it is, where it stands, how it rotates. */
import { capacityFor, frequenciesFor } from '../../core/simd/program.ts'
import { FRAME_ROW_TABLE, FRAME_ROWS, ROW_BYTES } from '../../kernels/opcodes.ts'
import type { Segment } from '../engine.ts'
import type { PlacedProgram } from './place-shard.ts'

/** Where a sequence's states lie, and how many tokens they have room for. */
export type SimdCache = { readonly address: number; readonly maxTokens: number }
export type PassRow = { readonly cache: SimdCache; readonly position: number; readonly reach: number }

/** A row for each token of each segment. */
export const rowsOf = (segments: readonly Segment<SimdCache>[]): readonly PassRow[] =>
  segments.flatMap(({ cache, span: { position, count, reach } }) =>
    Array.from({ length: count }, (_, i) => ({ cache, position: position + i, reach })),
  )

/** @param rows null where no cache is read: in the head */
export function writeFrame(words: Uint32Array, frame: number, rows: readonly (PassRow | null)[]): void {
  words[frame / 4 + FRAME_ROWS] = rows.length
  for (const [i, row] of rows.entries()) {
    const at = (frame + FRAME_ROW_TABLE + i * ROW_BYTES) / 4
    words[at] = row?.cache.address ?? 0
    words[at + 1] = row ? capacityFor(row.cache.maxTokens) : 0
    words[at + 2] = row?.position ?? 0
  }
}

/** cos and sin for the position of each row. */
export function writeRotations({ program, addressOf }: PlacedProgram, floats: Float32Array, rows: readonly PassRow[]): void {
  for (const { rope, cos, sin } of program.rotations) {
    const { magnitude } = rope
    const [cosAt, sinAt] = [addressOf(cos) / 4, addressOf(sin) / 4]
    for (const [index, { position, reach }] of rows.entries()) {
      const inverseFrequencies = frequenciesFor(rope, reach)
      const start = index * inverseFrequencies.length
      for (const [i, frequency] of inverseFrequencies.entries()) {
        // The reference multiplies in f32: the angle of a far position is rounded before cos and sin are taken.
        const angle = Math.fround(position * frequency)
        floats[cosAt + start + i] = Math.cos(angle) * magnitude
        floats[sinAt + start + i] = Math.sin(angle) * magnitude
      }
    }
  }
}
