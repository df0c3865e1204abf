/**
 * The globals that pure folders may use: the part of the web platform that every page, worker and Node shares and that has
 * no effect outside its own values. Clocks, randomness, timers, files and network are parameters instead.
 */

/** UTF-8 from text. */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, target: Uint8Array): { read: number; written: number }
}

/** Text from bytes. `stream` keeps a character that is split over two chunks. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string
}

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}
declare const AbortSignal: {
  abort(reason?: unknown): AbortSignal
  any(signals: Iterable<AbortSignal>): AbortSignal
}

declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

declare class URL {
  constructor(url: string, base?: string | URL)
  readonly href: string
  readonly origin: string
  readonly protocol: string
  readonly host: string
  readonly hostname: string
  readonly pathname: string
  readonly search: string
  toString(): string
}

declare function structuredClone<T>(value: T): T
declare function queueMicrotask(callback: () => void): void

/** What a `fetch` that was passed in answers. */
interface Response {
  readonly ok: boolean
  readonly status: number
  /** After redirects. */
  readonly url: string
  readonly headers: { get(name: string): string | null }
  readonly body: {
    getReader(): {
      read(): Promise<{ done: false; value: Uint8Array<ArrayBuffer> } | { done: true; value?: undefined }>
      cancel(reason?: unknown): Promise<void>
    }
    cancel(reason?: unknown): Promise<void>
  } | null
  text(): Promise<string>
  json(): Promise<unknown>
  arrayBuffer(): Promise<ArrayBuffer>
}
