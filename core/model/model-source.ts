/** Reads the files of one checkpoint. Implementations: HTTP with ranges, a folder on disk, memory (tests). */
export type ModelSource = {
  /** For messages to people: where the checkpoint comes from. */
  readonly label: string
  /** The file that is the whole checkpoint, of GGUF's format; absent for config.json and safetensors. */
  readonly gguf?: string
  /** A whole small file as text, or null when there is none. @throws {ClusterError} source_unavailable */
  readonly readText: (file: string, signal?: AbortSignal) => Promise<string | null>
  /**
   * Bytes [start, end) of a file. `onBytes` is called as they arrive.
   * @throws {ClusterError} source_unavailable, bad_checkpoint when the file is shorter
   */
  readonly readRange: (
    file: string,
    start: number,
    end: number,
    options?: { signal?: AbortSignal; onBytes?: (count: number) => void },
  ) => Promise<Uint8Array>
}
