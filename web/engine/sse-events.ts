/** Server-sent events out of bytes as they arrive (https://html.spec.whatwg.org/multipage/server-sent-events.html), comments too. */
export type SseEvent = { readonly type: 'data'; readonly data: string } | { readonly type: 'comment'; readonly text: string }

export type SseReader = {
  /** What became whole with these bytes. */
  readonly push: (bytes: Uint8Array) => readonly SseEvent[]
  /** Bytes taken so far, the half-read ones included: where a stream that broke off is asked to go on. */
  readonly bytes: () => number
}

export function createSseReader(): SseReader {
  const decoder = new TextDecoder()
  let bytes = 0
  let line = ''
  let data: string[] = []
  function take(text: string): SseEvent | null {
    if (text === '') {
      const event = data.length === 0 ? null : ({ type: 'data', data: data.join('\n') } as const)
      data = []
      return event
    }
    if (text.startsWith(':')) return { type: 'comment', text: text.slice(1).trim() }
    if (text.startsWith('data:')) data.push(text.slice(5).replace(/^ /, ''))
    return null
  }
  return {
    push: (piece) => {
      bytes += piece.length
      const lines = (line + decoder.decode(piece, { stream: true })).split('\n')
      line = lines.pop() ?? ''
      return lines.flatMap((text) => take(text.replace(/\r$/, '')) ?? [])
    },
    bytes: () => bytes,
  }
}
