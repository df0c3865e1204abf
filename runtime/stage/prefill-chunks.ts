/** How many tokens of a prompt run at once, and how many may be on their way around the ring. */
export type PrefillChunks = {
  /** Tokens of the next chunk of a sequence that is to have `total`. */
  readonly tokens: (total: number) => number
  /** Tokens between head and tail at most, in chunks of this size. */
  readonly window: (chunk: number) => number
}

export type PrefillChunksOptions = {
  /** Shards of the ring. */
  readonly stages: number
  /** Bytes of one token between two shards. */
  readonly rowBytes: number
  /** Rows that add at most so many milliseconds to a pass of `beside` rows here; null before anything ran. */
  readonly rowsIn: (ms: number, beside: number) => number | null
  /** Rows of a pass of steps; 0 where a chunk always runs by itself. */
  readonly rowsBeside: () => number
  /** Whether so many rows share a pass with `beside` others. */
  readonly joins: (rows: number, beside: number) => boolean
  /** Milliseconds a row takes in a large pass; null before anything ran. */
  readonly msPerRow: () => number | null
  /** Milliseconds that a chunk may take at each shard from streams that decode meanwhile; null where none does. */
  readonly besideMs: () => number | null
}

/** Kernels take rows in fours. */
const STEP = 4
/** Long enough to use the matrix kernels, short enough that a cancel and other streams need not wait long. */
export const MOST_CHUNK_TOKENS = 128
const LEAST_PIPELINED_TOKENS = 32
/** Shorter prompts gain nothing from more chunks. */
const PIPELINED_FROM_TOKENS = 250
/** What a chunk costs beside its rows, in milliseconds: starting it, reading back, the hop. */
const HANDLING_MS = 4
/** Chunks and bytes on their way: enough to fill long hops, little enough to bound what waits at a slow shard. */
const WINDOW_CHUNKS = 12
const WINDOW_BYTES = 8 * 2 ** 20

const wholeSteps = (tokens: number, least: number): number => Math.min(MOST_CHUNK_TOKENS, Math.max(least, STEP * Math.floor(tokens / STEP)))
/** Rows that make up whole steps together with so many others, at least those that the others leave of one: they cost next to nothing. */
const filling = (tokens: number, beside: number): number => {
  const left = STEP - (beside % STEP)
  return Math.min(MOST_CHUNK_TOKENS, Math.max(left, left + STEP * Math.floor((tokens - left) / STEP)))
}

export function createPrefillChunks({ stages, rowBytes, rowsIn, rowsBeside, joins, msPerRow, besideMs }: PrefillChunksOptions): PrefillChunks {
  const besideSteps = (ms: number): number => {
    const beside = rowsBeside()
    const shared = [filling(rowsIn(ms, beside) ?? 0, beside), filling(0, beside)].find((rows) => joins(rows, beside))
    return Math.max(shared ?? STEP, wholeSteps(rowsIn(ms, 0) ?? 0, 0))
  }
  return {
    tokens: (total) => {
      const ms = besideMs()
      if (ms !== null) return besideSteps(ms)
      const rowMs = msPerRow()
      if (stages === 1 || total < PIPELINED_FROM_TOKENS || rowMs === null) return MOST_CHUNK_TOKENS
      // C chunks over N shards take (C + N - 1) times one of them: least where what filling the ring costs equals the handling of all.
      return wholeSteps(Math.sqrt((total * HANDLING_MS) / rowMs / (stages - 1)), LEAST_PIPELINED_TOKENS)
    },
    window: (chunk) => Math.max((stages + 1) * chunk, Math.min(WINDOW_CHUNKS * chunk, Math.floor(WINDOW_BYTES / rowBytes))),
  }
}
