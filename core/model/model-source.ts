/** Reads the files of one checkpoint. Implementations: HTTP with ranges, a folder on disk, memory (tests). */
export type ModelSource = {
  /** For messages to people: where the checkpoint comes from. */
  readonly label: string
  /** The file that is the whole checkpoint, of GGUF's format; absent for config.json and safetensors. */
  readonly gguf?: string
  /** A whole small file as text, or null when there is none. @throws {ClusterError} source_unavailable */
  readonly readText: (file: string, signal?: AbortSignal) => Promise<string | null>
  /**
   * Bytes [start, end) of a file. `onBytes` is called as they arrive. `into`: memory of that length that a source may give them in,
   * so that a large checkpoint does not pass through as much memory as it has bytes; nothing writes there once the promise has settled.
   * @throws {ClusterError} source_unavailable, bad_checkpoint when the file is shorter
   */
  readonly readRange: (
    file: string,
    start: number,
    end: number,
    options?: { signal?: AbortSignal; onBytes?: (count: number) => void; into?: Uint8Array<ArrayBuffer> },
  ) => Promise<Uint8Array>
}

/** What a host says of a file beside its bytes. */
export type FileFacts = {
  /** Changes when the bytes do (an ETag, a commit); null where the host tells nothing of the kind. */
  readonly version: string | null
  /** Bytes in all. */
  readonly size: number | null
  /** Of all its bytes, in hexadecimal. */
  readonly sha256: string | null
}

/** A source whose bytes are worth keeping: it tells which version they are of, and hands them out as they arrive. */
export type RemoteSource = Omit<ModelSource, 'readRange'> & {
  /** Where it reads: the same checkpoint has the same address. */
  readonly address: string
  /** What the host has told of a file so far; null before its first answer. */
  readonly facts: (file: string) => FileFacts | null
  /** From here on, bytes of another version of the file are refused as changed. */
  readonly expect: (file: string, version: string) => void
  /** Asks once for the facts alone; null when there is no such file. @throws when no answer comes */
  readonly ask: (file: string, signal: AbortSignal) => Promise<FileFacts | null>
  /** A whole small file, or null when there is none. @throws {ClusterError} source_unavailable */
  readonly readWhole: (file: string, signal?: AbortSignal) => Promise<Uint8Array | null>
  /** As of any source; `onPiece` is given what has arrived: `bytes` begin at `start` of the file and stay as they are until the reader has its answer. */
  readonly readRange: (
    file: string,
    start: number,
    end: number,
    options?: {
      signal?: AbortSignal
      onBytes?: (count: number) => void
      onPiece?: (start: number, bytes: Uint8Array) => void
      into?: Uint8Array<ArrayBuffer>
    },
  ) => Promise<Uint8Array>
}
