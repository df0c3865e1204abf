/** Pauses the device when its person asks for it or a limit is reached, and lets it go on when neither holds any more. */
import { conditionParts, watchCondition, type ConditionParts, type ConditionWatch } from './device-condition.ts'
import { holdsOf, parseLimits, type Hold, type LendLimits } from './lend-limits.ts'

const KEY = 'ringlet-limits'

export type HoldBack = {
  readonly limits: () => LendLimits
  /** Call from a click. */
  readonly setLimits: (limits: LendLimits) => Promise<void>
  readonly knows: ConditionWatch['knows']
  readonly holds: () => readonly Hold[]
  /** What the person wants, apart from limits. */
  readonly setPaused: (isPaused: boolean) => void
}

export type HoldBackOptions = {
  /** Null where the browser keeps nothing. */
  readonly store: Pick<Storage, 'getItem' | 'setItem'> | null
  readonly parts: ConditionParts
  /** Pauses the device, or lets it go on. */
  readonly pause: (isPaused: boolean) => void
  readonly onChange: (holds: readonly Hold[]) => void
}

/** The browser's own. */
export const browserParts = (): ConditionParts => conditionParts(navigator, window)

export function createHoldBack({ store, parts, pause, onChange }: HoldBackOptions): HoldBack {
  let isPaused = false
  let limits = parseLimits(stored(store))
  let holds: readonly Hold[] = []
  let said = false
  const update = (): void => {
    const next = holdsOf(limits, watch.condition(), holds)
    const isSame = next.join() === holds.join()
    holds = next
    const should = isPaused || holds.length > 0
    if (said !== should) pause(should)
    said = should
    if (!isSame) onChange(holds)
  }
  const watch: ConditionWatch = watchCondition(parts, () => update())
  update()
  return {
    limits: () => limits,
    setLimits: async (wanted) => {
      limits = wanted
      // A browser that does not tell keeps no such limit.
      if (wanted.onlyIdle && !(await watch.watchIdle())) limits = { ...wanted, onlyIdle: false }
      try {
        store?.setItem(KEY, JSON.stringify(limits))
      } catch {
        // Storage is full or forbidden: the limits hold for this visit.
      }
      update()
      onChange(holds)
    },
    knows: watch.knows,
    holds: () => holds,
    setPaused: (wanted) => {
      isPaused = wanted
      update()
    },
  }
}

function stored(store: HoldBackOptions['store']): string | null {
  try {
    return store?.getItem(KEY) ?? null
  } catch {
    return null
  }
}
