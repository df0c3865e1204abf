/** Opens paths between all devices of a small cluster, so that the round trips of every pair are known before a ring needs them. */
import { devicesOf } from '../../core/cluster/cluster-view.ts'
import type { Network } from '../../core/cluster/network.ts'

/** Above it the pairs are too many: rings measure their neighbours. */
const MOST_DEVICES = 16
/** Rings that form have their paths first. */
const QUIET_MS = 8_000

/** @param isLending whether this page is a device now. @returns the way to stop */
export function meetDevices(
  network: Pick<Network, 'self' | 'view' | 'onView' | 'isLinked' | 'dial'>,
  timer: (delayMs: number, callback: () => void) => () => void,
  isLending: () => boolean,
): () => void {
  let known = ''
  let stopWaiting = (): void => undefined
  const meet = (): void => {
    const devices = devicesOf(network.view())
    if (!isLending() || devices.length > MOST_DEVICES) return
    // Of each pair one dials: two attempts at once would undo each other.
    for (const { id } of devices) if (network.self < id && !network.isLinked(id)) network.dial(id)
  }
  const stopWatching = network.onView((view) => {
    const now = devicesOf(view)
      .map(({ id }) => id)
      .toSorted()
      .join()
    if (now === known) return
    known = now
    stopWaiting()
    stopWaiting = timer(QUIET_MS, meet)
  })
  return () => {
    stopWatching()
    stopWaiting()
  }
}
