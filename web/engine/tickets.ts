/** Questions to the worker that it answers later, each by its number. */
import { fromWireError, type WireError } from '../../protocol/errors.ts'

type Waiting<T> = { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void }

export type Tickets<T> = {
  readonly ask: (send: (ticket: number) => void) => Promise<T>
  readonly answer: (ticket: number, value: T) => void
  readonly fail: (ticket: number, error: WireError) => void
  /** Nobody will answer any more. */
  readonly failAll: (error: Error) => void
}

export function createTickets<T>(): Tickets<T> {
  const waiting = new Map<number, Waiting<T>>()
  let last = 0
  const take = (ticket: number): Waiting<T> | undefined => {
    const asked = waiting.get(ticket)
    waiting.delete(ticket)
    return asked
  }
  return {
    ask: (send) =>
      new Promise<T>((resolve, reject) => {
        last += 1
        waiting.set(last, { resolve, reject })
        send(last)
      }),
    answer: (ticket, value) => take(ticket)?.resolve(value),
    fail: (ticket, error) => take(ticket)?.reject(fromWireError(error)),
    failAll: (error) => {
      for (const ticket of [...waiting.keys()]) take(ticket)?.reject(error)
    },
  }
}
