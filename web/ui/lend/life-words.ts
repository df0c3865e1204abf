/** In plain words what the browser grants a page that lends, and what it does to one that is hidden. */
import type { Grant, PageLifeState } from '../../engine/page-life.ts'

const AWAKE: Record<Grant, string> = {
  held: 'The screen stays on while this page is in sight.',
  wanted: 'The browser does not keep the screen on right now.',
  off: 'The screen may turn off; a phone stops lending then.',
  unavailable: 'This browser cannot keep the screen on. A phone stops lending when its screen locks.',
}
const TONE: Record<Grant, string> = {
  held: 'A tone that nobody hears keeps this hidden tab at work.',
  wanted: 'When this tab is hidden, a tone that nobody hears keeps it at work.',
  off: 'A hidden tab may be slowed down by the browser.',
  unavailable: 'This browser has no way to keep a hidden tab at full speed.',
}
const LOCK: Record<Grant, string> = {
  held: 'The browser is told that this tab is at work, so it does not freeze it.',
  wanted: 'The browser is asked not to freeze this tab.',
  off: '',
  unavailable: 'This browser may freeze the tab when it is hidden.',
}

export type LifeWords = { readonly awake: string; readonly tone: string; readonly notes: readonly string[] }

export function lifeWords({ visibility, awake, tone, lock }: PageLifeState): LifeWords {
  const hidden = visibility === 'hidden' ? 'This tab is hidden: others see that, and it may get fewer layers if it slows down.' : ''
  return { awake: AWAKE[awake], tone: TONE[tone], notes: [LOCK[lock], hidden].filter(Boolean) }
}
