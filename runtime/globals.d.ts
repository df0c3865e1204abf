/** What `runtime/` uses of pages, workers and Node alike, beside the globals of the pure folders. Anything of one platform is injected. */

declare const performance: { now(): number }
declare function setTimeout(callback: () => void, delayMs: number): unknown
declare function clearTimeout(timer: unknown): void
declare class MessageChannel {
  readonly port1: { addEventListener(type: 'message', listener: () => void): void; start(): void; close(): void }
  readonly port2: { postMessage(message: unknown): void }
}
