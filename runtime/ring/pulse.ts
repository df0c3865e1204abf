import type { Network } from '../../core/cluster/network.ts'
import type { Scheduler } from '../stage/scheduler.ts'

/** Without work the host hears this often that nothing it was given still waits. */
const IDLE_MS = 1_000

export type PulseOptions = { readonly network: Pick<Network, 'pulse'>; readonly scheduler: Scheduler; readonly now: () => number }

/** Tells the host, which answers others while a pass runs, how the engine is doing: with each call while there is work. */
export function createPulse({ network, scheduler, now }: PulseOptions): () => void {
  let toldAt = Number.NEGATIVE_INFINITY
  let wasIdle = true
  return () => {
    const pulse = { waiting: scheduler.waiting(), stepMs: scheduler.stepMs() }
    const isIdle = pulse.stepMs === null && pulse.waiting === 0
    if (isIdle && wasIdle && now() - toldAt < IDLE_MS) return
    wasIdle = isIdle
    toldAt = now()
    network.pulse(pulse)
  }
}
