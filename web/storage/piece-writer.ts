/** Writes what arrives while it arrives, so that a tab that is killed has kept all but the last moment. */

/** Pieces are cut at this size, or after this time: what a killed tab loses of each request is less than either. */
const PIECE_BYTES = 4 * 1024 * 1024
const PIECE_MS = 1500

type Run = { readonly start: number; readonly buffer: ArrayBuffer; readonly offset: number; length: number; since: number }

export type PieceWriter = {
  /** Takes bytes that begin at `start` of the file. They must stay as they are until `done` resolves. */
  readonly add: (start: number, bytes: Uint8Array) => void
  /** Resolves when all that was added is written, or could not be. */
  readonly done: () => Promise<void>
}

/**
 * Joins neighbours (of the file and of memory: several requests fill one buffer) into pieces.
 * @param write may fail: then the piece is not kept. @param now milliseconds
 */
export function pieceWriter(write: (start: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>, now: () => number): PieceWriter {
  const runs: Run[] = []
  let writing: Promise<void> = Promise.resolve()

  function flush(run: Run): void {
    runs.splice(runs.indexOf(run), 1)
    for (let at = 0; at < run.length; at += PIECE_BYTES) {
      const bytes = new Uint8Array(run.buffer, run.offset + at, Math.min(PIECE_BYTES, run.length - at))
      // One after the other: the disk is one, and a slow one holds back the reader at `done`.
      writing = writing.then(() => write(run.start + at, bytes)).catch(() => undefined)
    }
  }
  function continued(start: number, bytes: Uint8Array): Run | undefined {
    return runs.find((run) => run.start + run.length === start && run.buffer === bytes.buffer && run.offset + run.length === bytes.byteOffset)
  }
  return {
    add: (start, bytes) => {
      if (!(bytes.buffer instanceof ArrayBuffer) || bytes.length === 0) return
      let run = continued(start, bytes)
      if (!run) {
        run = { start, buffer: bytes.buffer, offset: bytes.byteOffset, length: 0, since: now() }
        runs.push(run)
      }
      run.length += bytes.length
      if (run.length >= PIECE_BYTES || now() - run.since >= PIECE_MS) flush(run)
    },
    done: async () => {
      for (const run of [...runs]) flush(run)
      await writing
    },
  }
}
