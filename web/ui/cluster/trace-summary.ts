/** A trace in numbers that people compare: by shard the mean of each part of its laps, and what the way between shards took. */
import type { Trace } from '../../../protocol/trace.ts'

type Events = Trace['choices'][number]['events']
export type Lap = Extract<Events[number], { type: 'token' }>
export type ShardRow = {
  readonly name: string
  readonly layers: readonly [number, number]
  readonly queueMs: number
  readonly computeMs: number
  readonly readBackMs: number
  readonly sendMs: number
}
/** A stretch of laps on one ring. */
export type RingRun = { readonly epoch: number; readonly rows: readonly ShardRow[]; readonly wayMs: number | null; readonly laps: readonly Lap[] }

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

function runOf(ring: Extract<Events[number], { type: 'ring' }>, laps: readonly Lap[]): RingRun {
  // Laps of which a part was sent again do not cover the ring.
  const whole = laps.filter(({ hops }) => hops.length === ring.shards.length)
  const of = (index: number, part: 'queueMs' | 'computeMs' | 'readBackMs' | 'sendMs'): number =>
    mean(whole.map(({ hops }) => hops[index]?.[part] ?? 0))
  const ways = laps.flatMap(({ wayMs }) => wayMs ?? [])
  return {
    epoch: ring.epoch,
    laps,
    wayMs: ways.length === 0 ? null : mean(ways),
    rows: ring.shards.map(({ name, startLayer, endLayer }, index) => ({
      name,
      layers: [startLayer, endLayer],
      queueMs: of(index, 'queueMs'),
      computeMs: of(index, 'computeMs'),
      readBackMs: of(index, 'readBackMs'),
      sendMs: of(index, 'sendMs'),
    })),
  }
}

/** The rings that a choice ran on, one after the other. */
export function ringRuns({ events }: Trace['choices'][number]): readonly RingRun[] {
  const starts = events.flatMap((event, at) => (event.type === 'ring' ? [{ ring: event, at }] : []))
  return starts.map(({ ring, at }, i) => {
    const end = starts[i + 1]?.at ?? events.length
    return runOf(
      ring,
      events.slice(at, end).filter((event) => event.type === 'token'),
    )
  })
}

/** What happened beside laps, in words. */
export function happenings({ events }: Trace['choices'][number]): readonly string[] {
  return events.flatMap((event) => {
    const at = `${(event.atMs / 1000).toFixed(2)} s`
    if (event.type === 'pause') return [`${at}: paused, ${event.reason}`]
    if (event.type === 'ring' && event.resumes) return [`${at}: went on with ring ${event.epoch}`]
    return event.type === 'end' ? [`${at}: ended, ${event.reason}`] : []
  })
}
