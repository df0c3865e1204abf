/**
 * When a device holds back though its person lent it: on a low battery, without mains, on metered data, while its person works on it.
 * Each needs something that only some browsers tell; what they do not tell is left out.
 */
export type LendLimits = {
  /** Part of the time that the device may compute, from LEAST_SHARE to 1. */
  readonly share: number
  /** Stops when the battery is at or below `stopAt`, goes on when it is at or above `resumeAt`; percent. */
  readonly battery: { readonly isOn: boolean; readonly stopAt: number; readonly resumeAt: number }
  readonly onlyOnMains: boolean
  readonly notMetered: boolean
  readonly onlyIdle: boolean
}
/** Below it a ring would wait for the device more than it gains. */
export const LEAST_SHARE = 0.1
export const DEFAULT_LIMITS: LendLimits = {
  share: 1,
  battery: { isOn: true, stopAt: 30, resumeAt: 50 },
  onlyOnMains: false,
  notMetered: true,
  onlyIdle: false,
}

/** What the browser tells; null where it does not. */
export type DeviceCondition = {
  /** Percent, and whether it is being charged. */
  readonly battery: { readonly percent: number; readonly isCharging: boolean } | null
  /** Data cost, or are to be saved. */
  readonly isMetered: boolean | null
  /** Nobody uses the device. */
  readonly isIdle: boolean | null
}
export const UNKNOWN_CONDITION: DeviceCondition = { battery: null, isMetered: null, isIdle: null }

/** Why it holds back. */
export type Hold = 'battery' | 'mains' | 'metered' | 'in-use'

/** Between the two thresholds the battery's hold stays what it was: at one threshold a device would come and go. */
function isBatteryHeld({ battery: limit }: LendLimits, { battery }: DeviceCondition, before: readonly Hold[]): boolean {
  if (!limit.isOn || battery === null) return false
  if (battery.percent <= limit.stopAt) return !battery.isCharging || before.includes('battery')
  return before.includes('battery') && battery.percent < Math.max(limit.stopAt, limit.resumeAt)
}

/** @param before what held a moment ago */
export function holdsOf(limits: LendLimits, condition: DeviceCondition, before: readonly Hold[]): readonly Hold[] {
  const { battery, isMetered, isIdle } = condition
  return [
    ...(isBatteryHeld(limits, condition, before) ? (['battery'] as const) : []),
    ...(limits.onlyOnMains && battery?.isCharging === false ? (['mains'] as const) : []),
    ...(limits.notMetered && isMetered === true ? (['metered'] as const) : []),
    ...(limits.onlyIdle && isIdle === false ? (['in-use'] as const) : []),
  ]
}

const percent = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? Math.max(0, Math.min(100, Math.round(value))) : fallback
const isOn = (value: unknown, fallback: boolean): boolean => (typeof value === 'boolean' ? value : fallback)
const fieldOf = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined)

/** What a store gave; anything that is not a limit is the default. */
export function parseLimits(text: string | null): LendLimits {
  const stored = ((): unknown => {
    try {
      return JSON.parse(text ?? 'null')
    } catch {
      return null
    }
  })()
  const battery = fieldOf(stored, 'battery')
  const stopAt = percent(fieldOf(battery, 'stopAt'), DEFAULT_LIMITS.battery.stopAt)
  const share = fieldOf(stored, 'share')
  return {
    share: typeof share === 'number' && share >= LEAST_SHARE && share <= 1 ? share : DEFAULT_LIMITS.share,
    battery: {
      isOn: isOn(fieldOf(battery, 'isOn'), DEFAULT_LIMITS.battery.isOn),
      stopAt,
      resumeAt: Math.max(stopAt, percent(fieldOf(battery, 'resumeAt'), DEFAULT_LIMITS.battery.resumeAt)),
    },
    onlyOnMains: isOn(fieldOf(stored, 'onlyOnMains'), DEFAULT_LIMITS.onlyOnMains),
    notMetered: isOn(fieldOf(stored, 'notMetered'), DEFAULT_LIMITS.notMetered),
    onlyIdle: isOn(fieldOf(stored, 'onlyIdle'), DEFAULT_LIMITS.onlyIdle),
  }
}
