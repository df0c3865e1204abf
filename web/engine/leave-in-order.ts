/** Lets a paused device finish: until what runs on it has ended or moved on, or its person does not want to wait. */
import type { Clock } from '../../core/link/clock.ts'
import type { Network } from '../../core/cluster/network.ts'
import type { Device } from '../../runtime/ring/device.ts'
import { isHandedOver } from '../../runtime/ring/hand-over.ts'

/** An answer that takes longer goes on elsewhere from what its client has: waiting on would keep a person from closing the lid. */
const LONGEST_MS = 60_000
/** A server that does not answer by then hears of it when it is back. */
const HEARD_MS = 3_000
/** So long a ring may take to be announced without the device. */
const SETTLE_MS = 1_000

export type OrderlyLeave = { readonly done: Promise<void>; readonly goNow: () => void }

/** @param onStatus tells of each change of the device's status, until what it returns is called */
export function leaveInOrder(options: {
  readonly device: Pick<Device, 'status'>
  readonly network: Pick<Network, 'view' | 'onView' | 'self'>
  readonly clock: Pick<Clock, 'timer'>
  readonly onStatus: (listener: () => void) => () => void
}): OrderlyLeave {
  const { device, network, clock, onStatus } = options
  let goNow = (): void => undefined
  const done = new Promise<void>((resolve) => {
    let isSettled = false
    const look = (): void => {
      if (isSettled && isHandedOver(network.view(), network.self, device.status())) goNow()
    }
    const settled = (): void => {
      isSettled = true
      look()
    }
    const stops = [network.onView(look), onStatus(look), clock.timer(SETTLE_MS, settled), clock.timer(LONGEST_MS, () => goNow())]
    goNow = () => {
      for (const stop of stops) stop()
      resolve()
    }
  })
  return { done, goNow: () => goNow() }
}

/** Resolves once the others know that the device offers nothing any more: what the server tells everybody comes back here too. */
export function heardGone(
  { view, onView, self, isOnline }: Pick<Network, 'view' | 'onView' | 'self' | 'isOnline'>,
  clock: Pick<Clock, 'timer'>,
): Promise<void> {
  const isHeard = (): boolean => (view().peers.get(self)?.capabilities ?? null) === null
  if (isHeard() || !isOnline()) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      for (const stop of stops) stop()
      resolve()
    }
    const stops = [onView(() => isHeard() && done()), clock.timer(HEARD_MS, done)]
  })
}
