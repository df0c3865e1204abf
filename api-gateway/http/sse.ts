import type { ServerResponse } from 'node:http'

/** A comment goes out after this much silence, in milliseconds: Node's fetch gives up after 5 minutes, proxies much sooner. */
const KEEP_ALIVE_MS = 10_000
/** A reader that lets this many bytes pile up is cut off. */
const MAX_BUFFERED_BYTES = 1024 * 1024

export type EventStream = {
  /** Sends the headers and a first comment; later calls do nothing. */
  readonly open: () => void
  readonly isOpen: () => boolean
  /** One event. A reader that does not read is cut off. */
  readonly event: (data: object | string) => void
  readonly end: () => void
}

/** Server-sent events on one response. */
export function createEventStream(response: ServerResponse): EventStream {
  let keepAlive: NodeJS.Timeout | null = null
  let isOpen = false
  const write = (text: string): void => {
    if (response.destroyed) return
    response.write(text)
    // The close of the response then ends the work as a disconnect does.
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy()
  }
  const rest = (): void => {
    if (keepAlive) clearInterval(keepAlive)
    keepAlive = null
  }
  response.once('close', rest)
  const open = (): void => {
    if (isOpen) return
    isOpen = true
    response.statusCode = 200
    response.setHeader('content-type', 'text/event-stream; charset=utf-8')
    response.setHeader('cache-control', 'no-cache, no-transform')
    // Asks nginx not to collect events before passing them on.
    response.setHeader('x-accel-buffering', 'no')
    response.flushHeaders()
    write(': keep-alive\n\n')
    keepAlive = setInterval(() => write(': keep-alive\n\n'), KEEP_ALIVE_MS)
  }
  return {
    open,
    isOpen: () => isOpen,
    event: (data) => {
      open()
      keepAlive?.refresh()
      write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
    },
    end: () => {
      rest()
      response.end()
    },
  }
}
