/** Counts in the worker what flows through this device, and tells the page each second while anything does. */
import type { PortNetwork } from '../../runtime/ports/port-network.ts'
import type { Work } from '../../runtime/stage/work-meter.ts'
import { NOTHING_GIVEN, sumOf, type Contribution } from './contribution.ts'

const TELL_MS = 1_000

export type WorkCounter = {
  /** The same network, whose frames are counted. */
  readonly count: (network: PortNetwork) => PortNetwork
  readonly onWork: (done: Work) => void
  readonly close: () => void
}

/** @param tell totals since the counter began; once more than they change, so that rates fall to nothing */
export function createWorkCounter(timer: (delayMs: number, callback: () => void) => () => void, tell: (given: Contribution) => void): WorkCounter {
  let given = NOTHING_GIVEN
  let told: readonly [Contribution | null, Contribution | null] = [null, null]
  const add = (change: Partial<Contribution>): void => {
    given = sumOf(given, { ...NOTHING_GIVEN, ...change })
  }
  let stop = (): void => undefined
  const look = (): void => {
    if (told[0] !== given || told[1] !== given) tell(given)
    told = [given, told[0]]
    stop = timer(TELL_MS, look)
  }
  look()
  return {
    count: (network) => ({
      ...network,
      send: (to, frame) => {
        if (to !== network.self) add({ bytesOut: frame.length })
        return network.send(to, frame)
      },
      onFrame: (listener) =>
        network.onFrame((from, frame) => {
          if (from !== network.self) add({ bytesIn: frame.length })
          listener(from, frame)
        }),
    }),
    onWork: ({ tokens, requests }) => add({ tokens, requests }),
    close: () => stop(),
  }
}
