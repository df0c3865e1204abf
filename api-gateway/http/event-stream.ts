import type { ServerResponse } from 'node:http'

/** `sse`: server-sent events. `ndjson`: one JSON object a line, which has no comments. */
export type StreamFormat = 'sse' | 'ndjson'

/** A comment goes out after this much silence, in milliseconds: Node's fetch gives up after 5 minutes, proxies much sooner. */
const KEEP_ALIVE_MS = 10_000
/** A reader that lets this many bytes pile up is cut off. */
const MAX_BUFFERED_BYTES = 1024 * 1024

const FORMATS = {
  sse: {
    type: 'text/event-stream; charset=utf-8',
    comment: (text: string) => `: ${text}\n\n`,
    frame: (text: string, name?: string) => `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`,
  },
  ndjson: { type: 'application/x-ndjson', comment: null, frame: (text: string) => `${text}\n` },
} as const

export type EventStream = {
  /** Sends the headers and, where the format has comments, a first one; later calls do nothing. */
  readonly open: () => void
  readonly isOpen: () => boolean
  /** One event, with a name where the dialect gives events one. A reader that does not read is cut off. */
  readonly event: (data: object | string, name?: string) => void
  readonly end: () => void
}

/** Where the bytes of a stream go. */
export type StreamSink = {
  readonly start: () => void
  readonly write: (text: string) => void
  readonly end: () => void
  /** Nothing is taken any more. */
  readonly onClose: (listener: () => void) => void
}

export function sendStreamHeaders(response: ServerResponse, format: StreamFormat): void {
  response.statusCode = 200
  response.setHeader('content-type', FORMATS[format].type)
  response.setHeader('cache-control', 'no-cache, no-transform')
  // Asks nginx not to collect events before passing them on.
  response.setHeader('x-accel-buffering', 'no')
  response.flushHeaders()
}

const responseSink = (response: ServerResponse, format: StreamFormat): StreamSink => ({
  start: () => sendStreamHeaders(response, format),
  write: (text) => {
    if (response.destroyed) return
    response.write(text)
    // The close of the response then ends the work as a disconnect does.
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy()
  },
  end: () => void response.end(),
  onClose: (listener) => void response.once('close', listener),
})

/** Events on a sink, as they come. @param silence what a comment says that breaks a silence */
export function createSinkStream(sink: StreamSink, format: StreamFormat, silence = (): string => 'keep-alive'): EventStream {
  const { comment, frame } = FORMATS[format]
  let keepAlive: NodeJS.Timeout | null = null
  let isOpen = false
  const rest = (): void => {
    if (keepAlive) clearInterval(keepAlive)
    keepAlive = null
  }
  sink.onClose(rest)
  const open = (): void => {
    if (isOpen) return
    isOpen = true
    sink.start()
    if (comment === null) return
    sink.write(comment(silence()))
    keepAlive = setInterval(() => sink.write(comment(silence())), KEEP_ALIVE_MS)
  }
  return {
    open,
    isOpen: () => isOpen,
    event: (data, name) => {
      open()
      keepAlive?.refresh()
      sink.write(frame(typeof data === 'string' ? data : JSON.stringify(data), name))
    },
    end: () => {
      rest()
      sink.end()
    },
  }
}

/** Events on one response. */
export const createEventStream = (response: ServerResponse, format: StreamFormat, silence?: () => string): EventStream =>
  createSinkStream(responseSink(response, format), format, silence)
