import type { ReactiveControllerHost } from 'lit'

/** Redraws an element after each change of something outside it, while it is on the page. */
export function redrawOn(host: ReactiveControllerHost, subscribe: (redraw: () => void) => () => void): void {
  let unsubscribe: (() => void) | null = null
  host.addController({
    hostConnected: () => {
      unsubscribe = subscribe(() => host.requestUpdate())
      host.requestUpdate()
    },
    hostDisconnected: () => {
      unsubscribe?.()
      unsubscribe = null
    },
  })
}
