/**
 * What a page does so that its browser lets it serve: a Web Lock, which keeps a hidden tab from being frozen, a wake lock for the
 * screen, and for those who want it a tone that nobody hears, which keeps a hidden tab from being slowed down. Each is left out
 * where the browser lacks it.
 */
export type Visibility = 'visible' | 'hidden'
/** `held`: the browser has granted it. `wanted`: asked for and not granted now. */
export type Grant = 'unavailable' | 'off' | 'wanted' | 'held'
export type PageLifeState = { readonly visibility: Visibility; readonly awake: Grant; readonly tone: Grant; readonly lock: Grant }

export type PageLife = {
  readonly state: () => PageLifeState
  /** While it serves the page keeps its lock, and what its person has switched on. */
  readonly setServing: (isServing: boolean) => void
  /** The screen stays on while the page serves and is in sight. On from the start. */
  readonly keepAwake: (isWanted: boolean) => void
  /** Call from a click: browsers let nothing else begin to sound. Off from the start. */
  readonly keepAudible: (isWanted: boolean) => void
  readonly close: () => void
}

/** What of the browser it uses; null where there is none. */
export type PageLifeParts = {
  readonly document: Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>
  readonly locks: Pick<LockManager, 'request'> | null
  readonly wakeLock: Pick<WakeLock, 'request'> | null
  readonly openTone: (() => Tone) | null
  readonly onChange: (state: PageLifeState) => void
}
export type Tone = { readonly play: () => Promise<void>; readonly pause: () => Promise<void> }

const LOCK_NAME = 'ringlet-serving'
/** Below what ears hear at such a pitch, above what Chromium calls silence. */
const TONE = { hertz: 40, gain: 0.001 }

/** @returns null where the browser has no Web Audio */
export function toneOf(scope: { readonly AudioContext?: typeof AudioContext }): (() => Tone) | null {
  const { AudioContext } = scope
  if (!AudioContext) return null
  return () => {
    const context = new AudioContext()
    const [oscillator, gain] = [context.createOscillator(), context.createGain()]
    oscillator.frequency.value = TONE.hertz
    gain.gain.value = TONE.gain
    oscillator.connect(gain).connect(context.destination)
    oscillator.start()
    return { play: () => context.resume(), pause: () => context.suspend() }
  }
}

export function createPageLife(parts: PageLifeParts): PageLife {
  const { document, locks, wakeLock, openTone, onChange } = parts
  let isServing = false
  let wants = { awake: true, tone: false }
  let sentinel: WakeLockSentinel | null = null
  let tone: Tone | null = null
  let isSounding = false
  let unlock: (() => void) | null = null
  let isLocking = false
  let said = ''

  const grant = (isThere: boolean, isWanted: boolean, isHeld: boolean): Grant =>
    isThere ? (isHeld ? 'held' : isWanted ? 'wanted' : 'off') : 'unavailable'
  const state = (): PageLifeState => ({
    visibility: document.visibilityState,
    awake: grant(wakeLock !== null, wants.awake, sentinel !== null),
    tone: grant(openTone !== null, wants.tone, isSounding),
    lock: grant(locks !== null, isServing, unlock !== null),
  })
  const changed = (): void => {
    const words = JSON.stringify(state())
    if (words === said) return
    said = words
    onChange(state())
  }

  function holdLock(): void {
    if (isServing && unlock === null && locks && !isLocking) {
      isLocking = true
      void locks.request(LOCK_NAME, { mode: 'shared' }, () => {
        isLocking = false
        const held = new Promise<void>((resolve) => (unlock = resolve))
        if (!isServing) freeLock()
        changed()
        return held
      })
    }
    if (!isServing) freeLock()
  }
  function freeLock(): void {
    unlock?.()
    unlock = null
  }

  /** The browser takes it back whenever the page goes out of sight. */
  async function holdAwake(): Promise<void> {
    const should = (): boolean => isServing && wants.awake && document.visibilityState === 'visible'
    if (!wakeLock) return
    if (!should()) {
      const held = sentinel
      sentinel = null
      return held?.release()
    }
    if (sentinel) return
    const granted = await wakeLock.request('screen')
    if (!should() || sentinel) return granted.release()
    sentinel = granted
    granted.addEventListener('release', () => {
      if (sentinel === granted) sentinel = null
      changed()
    })
  }

  async function sound(): Promise<void> {
    const should = isServing && wants.tone && document.visibilityState === 'hidden'
    if (!openTone || should === isSounding) return
    isSounding = should
    if (should) await (tone ??= openTone()).play()
    else await tone?.pause()
  }

  const update = (): void => {
    holdLock()
    // Refused, as on an empty battery: the switch shows that it is not held.
    holdAwake()
      .catch(() => undefined)
      .finally(changed)
    sound()
      .catch(() => (isSounding = false))
      .finally(changed)
    changed()
  }
  document.addEventListener('visibilitychange', update)
  return {
    state,
    setServing: (serving) => {
      isServing = serving
      update()
    },
    keepAwake: (isWanted) => {
      wants = { ...wants, awake: isWanted }
      update()
    },
    keepAudible: (isWanted) => {
      wants = { ...wants, tone: isWanted }
      if (isWanted && openTone && tone === null) {
        tone = openTone()
        void tone.pause().catch(() => undefined)
      }
      update()
    },
    close: () => {
      document.removeEventListener('visibilitychange', update)
      isServing = false
      update()
    },
  }
}
