/** Memory of a browser's processes as Linux counts it, looked at from outside. */
import { readFileSync } from 'node:fs'

export type ProcessKind = 'renderer' | 'gpu-process'
/** Pages of its own that a process has in memory (`RssAnon`): what a tab takes and its files and libraries do not. */
type Sample = Readonly<Record<ProcessKind, number>>

const SAMPLE_MS = 20

function textOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    // The process has ended meanwhile.
    return ''
  }
}

const numberOf = (status: string, key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)

function descendants(pid: string): readonly string[] {
  const children = textOf(pid, `task/${pid}/children`).split(' ').filter(Boolean)
  return children.flatMap((child) => [child, ...descendants(child)])
}

const kindOf = (pid: string): string | undefined => /--type=(renderer|gpu-process)/.exec(textOf(pid, 'cmdline'))?.[1]

/** Process ids of a browser's renderers. @param main process of the browser */
export const renderersOf = (main: number): ReadonlySet<number> =>
  new Set(
    descendants(String(main))
      .filter((pid) => kindOf(pid) === 'renderer')
      .map(Number),
  )

/** The largest process of each kind: a browser's spare ones are small. */
function sample(main: number): Sample {
  const found = { renderer: 0, 'gpu-process': 0 }
  for (const pid of descendants(String(main))) {
    const kind = kindOf(pid)
    if (kind !== 'renderer' && kind !== 'gpu-process') continue
    found[kind] = Math.max(found[kind], numberOf(textOf(pid, 'status'), 'RssAnon') * 1024)
  }
  return found
}

export type MemoryWatch = {
  readonly now: () => Sample
  /** The most since the last call. */
  readonly takePeak: () => Sample
  readonly stop: () => void
}

/** @param main process of the browser @throws {Error} where there is no /proc */
export function watchMemory(main: number): MemoryWatch {
  if (textOf(String(main), 'status') === '') throw new Error('memory of a browser is read from /proc, which only Linux has')
  let peak = sample(main)
  const look = (): Sample => {
    const now = sample(main)
    peak = { renderer: Math.max(peak.renderer, now.renderer), 'gpu-process': Math.max(peak['gpu-process'], now['gpu-process']) }
    return now
  }
  const timer = setInterval(look, SAMPLE_MS)
  return {
    now: look,
    takePeak: () => {
      const now = look()
      const most = peak
      peak = now
      return most
    },
    stop: () => clearInterval(timer),
  }
}
