/** Memory of a browser's processes as Linux counts it, looked at from outside. */
import { readdirSync, readFileSync } from 'node:fs'

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

/** @param userDataDir that the browser was started with, and nobody else */
function mainProcess(userDataDir: string): string | null {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.find((pid) => [`--user-data-dir=${userDataDir}`].every((arg) => textOf(pid, 'cmdline').includes(arg)) && isMain(pid)) ?? null
}
const isMain = (pid: string): boolean => !textOf(pid, 'cmdline').includes('--type=')

function descendants(pid: string): readonly string[] {
  const children = textOf(pid, `task/${pid}/children`).split(' ').filter(Boolean)
  return children.flatMap((child) => [child, ...descendants(child)])
}

/** The largest process of each kind: a browser's spare ones are small. */
function sample(main: string): Sample {
  const found = { renderer: 0, 'gpu-process': 0 }
  for (const pid of descendants(main)) {
    const kind = /--type=(renderer|gpu-process)/.exec(textOf(pid, 'cmdline'))?.[1]
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

/** @throws {Error} where there is no /proc, or no such browser */
export function watchMemory(userDataDir: string): MemoryWatch {
  const main = mainProcess(userDataDir)
  if (main === null) throw new Error('memory of a browser is read from /proc: on Linux, and from the browser that this bench started')
  let peak: Sample = sample(main)
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
