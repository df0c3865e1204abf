/** Watches battery, data cost and use of this device, as far as its browser tells. */
import { UNKNOWN_CONDITION, type DeviceCondition } from './lend-limits.ts'

/** Chromium's. */
type Battery = EventTarget & { readonly level: number; readonly charging: boolean }
type Network = EventTarget & { readonly saveData?: boolean; readonly type?: string }
type Detector = EventTarget & {
  readonly userState: 'active' | 'idle' | null
  readonly screenState: 'locked' | 'unlocked' | null
  start: (options: { threshold: number; signal: AbortSignal }) => Promise<void>
}
type DetectorClass = { new (): Detector; requestPermission: () => Promise<string> }

/** The least that browsers permit, in milliseconds. */
const IDLE_AFTER_MS = 60_000

/** What of the browser it uses; each absent where the browser lacks it. */
export type ConditionParts = {
  readonly getBattery?: () => Promise<Battery>
  readonly connection?: Network
  readonly IdleDetector?: DetectorClass
}
export type ConditionWatch = {
  readonly condition: () => DeviceCondition
  /** Which limits make sense here: what the browser never tells is not offered. */
  readonly knows: () => { readonly battery: boolean; readonly metered: boolean; readonly idle: boolean }
  /** Call from a click: browsers ask their person first. @returns whether the browser tells */
  readonly watchIdle: () => Promise<boolean>
}

/** @param scope a window and its navigator: neither is typed for what only Chromium has */
export function conditionParts(navigator: object, window: object): ConditionParts {
  const battery: unknown = Reflect.get(navigator, 'getBattery')
  const connection: unknown = Reflect.get(navigator, 'connection')
  const detector: unknown = Reflect.get(window, 'IdleDetector')
  return {
    ...(typeof battery === 'function' ? { getBattery: () => Reflect.apply(battery, navigator, []) as Promise<Battery> } : {}),
    ...(connection instanceof EventTarget ? { connection } : {}),
    ...(typeof detector === 'function' ? { IdleDetector: detector as unknown as DetectorClass } : {}),
  }
}

/** Phones say `cellular`; everything else that costs says so by `saveData`. */
const isMetered = ({ saveData, type }: Network): boolean => saveData === true || type === 'cellular'

export function watchCondition({ getBattery, connection, IdleDetector }: ConditionParts, onChange: () => void): ConditionWatch {
  let condition = UNKNOWN_CONDITION
  let hasBattery = false
  const become = (change: Partial<DeviceCondition>): void => {
    condition = { ...condition, ...change }
    onChange()
  }

  void getBattery?.()
    .then((battery) => {
      hasBattery = true
      const look = (): void => become({ battery: { percent: Math.round(battery.level * 100), isCharging: battery.charging } })
      battery.addEventListener('levelchange', look)
      battery.addEventListener('chargingchange', look)
      look()
    })
    // Some browsers have the function and refuse it.
    .catch(() => undefined)
  if (connection) {
    connection.addEventListener('change', () => become({ isMetered: isMetered(connection) }))
    condition = { ...condition, isMetered: isMetered(connection) }
  }

  async function watchIdle(): Promise<boolean> {
    if (!IdleDetector || condition.isIdle !== null) return condition.isIdle !== null
    try {
      if ((await IdleDetector.requestPermission()) !== 'granted') return false
      const detector = new IdleDetector()
      detector.addEventListener('change', () => become({ isIdle: detector.userState === 'idle' || detector.screenState === 'locked' }))
      await detector.start({ threshold: IDLE_AFTER_MS, signal: new AbortController().signal })
      become({ isIdle: detector.userState === 'idle' || detector.screenState === 'locked' })
      return true
    } catch {
      return false
    }
  }

  return {
    condition: () => condition,
    knows: () => ({ battery: hasBattery, metered: connection !== undefined, idle: IdleDetector !== undefined }),
    watchIdle,
  }
}
