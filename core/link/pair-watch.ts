/** Asks a channel now and then what its platform says of the path. */
import type { PairReport } from '../../protocol/cluster.ts'
import type { Clock } from './clock.ts'
import type { RawChannel } from './raw-channel.ts'

/** The first look comes soon after the path has opened, when addresses are settled; the others are rare, since each costs a walk over all statistics. */
const LOOK_MS = { first: 1_000, later: 3_000 } as const

export type PairWatch = {
  readonly latest: () => PairReport | null
  readonly stop: () => void
}

export function watchPair({ pairReport }: RawChannel, clock: Clock): PairWatch {
  let latest: PairReport | null = null
  let isStopped = false
  let stopTimer = (): void => undefined

  const look = async (ask: NonNullable<typeof pairReport>): Promise<void> => {
    try {
      latest = (await ask()) ?? latest
    } catch {
      // A browser that cannot tell now may later: figures are no reason to lose a path.
    }
    if (!isStopped) stopTimer = clock.timer(LOOK_MS.later, () => void look(ask))
  }
  if (pairReport) stopTimer = clock.timer(LOOK_MS.first, () => void look(pairReport))
  return {
    latest: () => latest,
    stop: () => {
      isStopped = true
      stopTimer()
    },
  }
}
