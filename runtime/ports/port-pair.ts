import type { Port } from './peer-port.ts'

/** Two connected ports in one thread: what one posts the other hears, in order, after the current task. */
export function createPortPair<A, B>(): readonly [Port<A, B>, Port<B, A>] {
  const end = <In>(): { listener: ((message: In) => void) | null; early: In[] } => ({ listener: null, early: [] })
  const [first, second] = [end<A>(), end<B>()]
  const deliver = <In>(target: { listener: ((message: In) => void) | null; early: In[] }, message: In): void =>
    queueMicrotask(() => {
      if (target.listener) target.listener(message)
      else target.early.push(message)
    })
  const listen = <In>(target: { listener: ((message: In) => void) | null; early: In[] }, listener: (message: In) => void): void => {
    target.listener = listener
    for (const message of target.early.splice(0)) listener(message)
  }
  return [
    { post: (message) => deliver(second, message), onMessage: (listener) => listen(first, listener) },
    { post: (message) => deliver(first, message), onMessage: (listener) => listen(second, listener) },
  ]
}
