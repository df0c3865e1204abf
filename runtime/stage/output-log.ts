/**
 * What a shard has sent on, kept so that another device can be given it again. Bounded over all sequences of a device: a log
 * that had to go costs a new prefill, should it ever be asked for.
 */
import type { ActivationFrame } from '../../protocol/ring.ts'

/** One pass as it left the shard. */
export type LoggedPass = Pick<ActivationFrame, 'position' | 'count' | 'reach' | 'sample' | 'payload'> & {
  /** Ids of its last tokens that were guesses when it left. */
  readonly drafts: readonly number[]
}

export type OutputLog = {
  /** Appends a pass that begins where the last one ended. */
  readonly push: (pass: LoggedPass) => void
  /**
   * All passes from `position` on, those of single tokens put together to at most `chunk` tokens; null when part of it is gone.
   * A pass that begins earlier is cut.
   */
  readonly from: (position: number, chunk: number) => readonly LoggedPass[] | null
  /** Forgets what lies from `position` on. */
  readonly truncate: (position: number) => void
  /** Position after the last pass. */
  readonly end: () => number
  readonly close: () => void
}

export type LogStore = { readonly open: () => OutputLog; readonly bytes: () => number }

type Held = { passes: LoggedPass[]; bytes: number; end: number; isGone: boolean }

/** The part of a pass from `position` on. */
export function tailOf(pass: LoggedPass, position: number): LoggedPass {
  const skipped = position - pass.position
  if (skipped <= 0) return pass
  const rowBytes = pass.payload.length / pass.count
  const count = pass.count - skipped
  return { ...pass, position, count, drafts: pass.drafts.slice(-count), payload: pass.payload.subarray(skipped * rowBytes) }
}

function headOf(pass: LoggedPass, end: number): LoggedPass {
  const count = Math.min(pass.count, end - pass.position)
  return count === pass.count
    ? pass
    : {
        ...pass,
        count,
        sample: false,
        drafts: pass.drafts.slice(0, Math.max(0, pass.drafts.length - (pass.count - count))),
        payload: pass.payload.subarray(0, (count * pass.payload.length) / pass.count),
      }
}

function joined(passes: readonly LoggedPass[]): LoggedPass | null {
  const [first, last] = [passes[0], passes.at(-1)]
  if (!first || !last || passes.length === 1) return first ?? null
  const payload = new Uint8Array(passes.reduce((sum, pass) => sum + pass.payload.length, 0))
  let offset = 0
  for (const pass of passes) {
    payload.set(pass.payload, offset)
    offset += pass.payload.length
  }
  return { ...last, position: first.position, count: last.position + last.count - first.position, payload }
}

/** Passes of single tokens that follow each other, as one. */
function merge(passes: readonly LoggedPass[], chunk: number): readonly LoggedPass[] {
  const merged: LoggedPass[] = []
  let run: LoggedPass[] = []
  const flush = (): void => {
    const pass = joined(run)
    if (pass) merged.push(pass)
    run = []
  }
  for (const pass of passes) {
    if (pass.count > 1 || run.length >= chunk) flush()
    run.push(pass)
    if (pass.count > 1) flush()
  }
  flush()
  return merged
}

export function createLogStore(maxBytes: number): LogStore {
  /** Oldest use first. */
  const logs = new Set<Held>()
  let total = 0

  const drop = (held: Held): void => {
    total -= held.bytes
    held.passes = []
    held.bytes = 0
    held.isGone = true
    logs.delete(held)
  }
  const makeRoom = (): void => {
    for (const oldest of logs) {
      if (total <= maxBytes) return
      drop(oldest)
    }
  }
  const resize = (held: Held, bytes: number): void => {
    total += bytes - held.bytes
    held.bytes = bytes
  }

  return {
    bytes: () => total,
    open: () => {
      const held: Held = { passes: [], bytes: 0, end: 0, isGone: false }
      logs.add(held)
      return {
        push: (pass) => {
          held.end = pass.position + pass.count
          if (held.isGone) return
          held.passes.push(pass)
          resize(held, held.bytes + pass.payload.length)
          logs.delete(held)
          logs.add(held)
          makeRoom()
        },
        from: (position, chunk) => {
          if (position >= held.end) return []
          const first = held.passes[0]
          if (held.isGone || !first || first.position > position) return null
          const wanted = held.passes.filter((pass) => pass.position + pass.count > position)
          return merge(
            wanted.map((pass) => tailOf(pass, position)),
            chunk,
          )
        },
        truncate: (position) => {
          if (held.end <= position) return
          held.end = position
          held.passes = held.passes.filter((pass) => pass.position < position).map((pass) => headOf(pass, position))
          resize(
            held,
            held.passes.reduce((sum, pass) => sum + pass.payload.length, 0),
          )
          // What comes from here on is whole again; what lies before is missing still.
          if (held.isGone) {
            held.isGone = false
            logs.add(held)
          }
        },
        end: () => held.end,
        close: () => {
          if (!held.isGone) drop(held)
        },
      }
    },
  }
}
