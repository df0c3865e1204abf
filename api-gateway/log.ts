import { pino, type Logger } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>
/** Parts of a server that log: HTTP and what it runs, the signal server, the server's own device. */
export const LOG_AREAS = ['gateway', 'signal', 'device'] as const
export type LogArea = (typeof LOG_AREAS)[number]

/** One JSON object a line: what clients send is escaped, so no line can be forged. Prompts, answers and keys are never logged. */
export const createLog = (level: string): Log => pino({ level, base: null, serializers: { err: pino.stdSerializers.err } })

const QUIET = 'warn'
const levelOf = (number: number): string => (number === 0 ? 'silent' : number < 3 ? QUIET : number < 6 ? 'info' : 'debug')
const isArea = (name: string): name is LogArea => LOG_AREAS.some((area) => area === name)

/**
 * The levels that `DEBUG` names: a number from 0 to 9 for all areas, or areas with or without one: `signal`, `gateway:5,device`.
 * Without a number an area says everything; areas that are not named stay at warnings. Words that are no area mean all of them.
 */
export function logLevels(debug: string): Readonly<Record<LogArea, string>> {
  const levels: Record<LogArea, string> = { gateway: QUIET, signal: QUIET, device: QUIET }
  for (const part of debug.split(',').filter((text) => text.trim() !== '')) {
    const [name = '', number] = part.trim().split(':')
    const areas = isArea(name) ? [name] : LOG_AREAS
    const wanted = Number(isArea(name) ? (number ?? 9) : name)
    for (const area of areas) levels[area] = levelOf(Number.isNaN(wanted) ? 9 : wanted)
  }
  return levels
}

/** A log for each area, whose lines name it. */
export function createLogs(debug: string): (area: LogArea) => Log {
  const levels = logLevels(debug)
  const root = pino({ base: null, serializers: { err: pino.stdSerializers.err } })
  return (area) => root.child({ area }, { level: levels[area] })
}
