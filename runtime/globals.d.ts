/** What `runtime/` uses of pages, workers and Node alike, beside the globals of the pure folders. Anything of one platform is injected. */

declare const performance: { now(): number }
declare function setTimeout(callback: () => void, delayMs: number): unknown
declare function clearTimeout(timer: unknown): void

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer)
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Instance {
    constructor(module: Module, imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>)
    readonly exports: Readonly<Record<string, unknown>>
  }
  function validate(bytes: Uint8Array | ArrayBuffer): boolean
  function compile(bytes: Uint8Array | ArrayBuffer): Promise<Module>
}
