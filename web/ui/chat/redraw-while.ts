import type { ReactiveControllerHost } from 'lit'

/** Returns a switch: while it is on, the element is drawn anew every `periodMs`, as long as it is on the page. */
export function redrawWhile(host: ReactiveControllerHost, periodMs: number): (isOn: boolean) => void {
  let timer: ReturnType<typeof setInterval> | null = null
  const set = (isOn: boolean): void => {
    if (isOn && timer === null) timer = setInterval(() => host.requestUpdate(), periodMs)
    if (isOn || timer === null) return
    clearInterval(timer)
    timer = null
  }
  host.addController({ hostDisconnected: () => set(false) })
  return set
}
