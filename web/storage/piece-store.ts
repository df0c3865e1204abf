/** Where pieces of checkpoints are kept: small immutable byte strings by folder (a checkpoint) and name. */

/** `busy`: another tab writes the same piece at this moment. `full`: the browser gives no more room. */
export type Kept = 'kept' | 'busy' | 'full'

export type PieceStore = {
  readonly kind: 'opfs' | 'cache' | 'memory'
  readonly folders: () => Promise<readonly string[]>
  readonly names: (folder: string) => Promise<readonly string[]>
  /** Bytes [from, to) of a piece, all of it by default; null when it is not there or cannot be read. */
  readonly read: (folder: string, name: string, from?: number, to?: number) => Promise<Uint8Array<ArrayBuffer> | null>
  readonly write: (folder: string, name: string, bytes: Uint8Array) => Promise<Kept>
  /** A piece, or a folder with all that is in it. What is not there counts as removed. */
  readonly remove: (folder: string, name?: string) => Promise<void>
}

export const isNamed = (error: unknown, ...names: readonly string[]): boolean => error instanceof Error && names.includes(error.name)
export const isFull = (error: unknown): boolean => isNamed(error, 'QuotaExceededError')
