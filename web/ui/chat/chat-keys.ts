import type { ReactiveControllerHost } from 'lit'
import { isMacLike, shortcutOf, type ShortcutAction } from '../../chat/shortcuts.ts'

/**
 * Carries out shortcuts while an element is on the page.
 * @param isRunning whether there is something to stop
 */
export function listenToKeys(host: ReactiveControllerHost, isRunning: () => boolean, perform: (action: ShortcutAction) => void): void {
  const onKey = (event: KeyboardEvent): void => {
    const action = shortcutOf(event, isMacLike(navigator.userAgent))
    if (action === null || event.isComposing) return
    // Esc closes what floats above the page before it means anything else.
    const floats = event.composedPath().some((target) => target instanceof Element && target.matches('dialog[open], [popover]'))
    if (action === 'stop' && (floats || !isRunning())) return
    event.preventDefault()
    perform(action)
  }
  host.addController({
    hostConnected: () => addEventListener('keydown', onKey),
    hostDisconnected: () => removeEventListener('keydown', onKey),
  })
}
