/**
 * A source that keeps every byte it has fetched, and fetches only what it lacks. Kept by checkpoint, file and version: with the host out of
 * reach the version kept last is read; with it in reach, one request without a body a file asks whether that version still stands.
 */
import { isPinned } from '../../core/model/http-file.ts'
import type { FileFacts, ModelSource, RemoteSource } from '../../core/model/model-source.ts'
import type { Clock } from '../../core/link/clock.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { KeptFile } from './kept-file.ts'
import { joined, type Span } from './piece-cover.ts'
import { pieceWriter, type PieceWriter } from './piece-writer.ts'
import type { Shelf } from './shelf.ts'

/** A host that takes longer to say which version it has counts as out of reach. */
const ASK_MS = 4_000

export type CachedSourceOptions = {
  readonly shelf: Promise<Shelf>
  readonly clock: Clock
  /** False when the browser knows that there is no network. */
  readonly isOnline: () => boolean
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** Takes bytes that begin at `start` of the file. */
type Put = (bytes: Uint8Array, start: number) => void
type Reading = { readonly signal?: AbortSignal; readonly onBytes?: (count: number) => void; readonly into?: Uint8Array<ArrayBuffer> }

export function cachedSource(origin: RemoteSource, { shelf, clock, isOnline, log }: CachedSourceOptions): ModelSource {
  const found = new Map<string, Promise<KeptFile | null>>()
  let isReachable = true

  /** What the host says now; `unknown` when it cannot be asked. */
  async function ask(file: string): Promise<FileFacts | null | 'unknown'> {
    if (!isReachable || !isOnline()) return 'unknown'
    const late = new AbortController()
    const stop = clock.timer(ASK_MS, () => late.abort())
    try {
      return await origin.ask(file, late.signal)
    } catch {
      isReachable = false
      return 'unknown'
    } finally {
      stop()
    }
  }

  async function find(file: string): Promise<KeptFile | null> {
    const kept = (await shelf).find(file)
    if (!kept || isPinned(origin.address)) return kept
    const { version } = kept.record
    const told = await ask(file)
    // A host that names no version this time says nothing against the one it named.
    const stands = told === 'unknown' || (told === null ? version === null : version !== null && (told.version ?? version) === version)
    if (stands) {
      if (version !== null) origin.expect(file, version)
      return kept
    }
    await (await shelf).drop(file)
    return null
  }

  /** What is kept of the current version; asked once, then known. */
  async function keptOf(file: string): Promise<KeptFile | null> {
    const finding = found.get(file) ?? find(file)
    found.set(file, finding)
    finding.catch(() => found.delete(file))
    return (await finding) ?? (await shelf).find(file)
  }

  /** Null for a host that names no version: nothing tells later whether its bytes still stand. */
  async function begin(file: string): Promise<KeptFile | null> {
    const facts = origin.facts(file)
    return facts && facts.version !== null ? (await shelf).begin(file, facts) : null
  }

  const writerFor = (file: string): PieceWriter =>
    pieceWriter(async (start, bytes) => {
      try {
        await (await begin(file))?.write(start, bytes)
      } catch (error) {
        log('a piece of a model could not be kept', { file, cause: String(error) })
        throw error
      }
    }, clock.now)

  async function fetchSpan(file: string, { start, end }: Span, { signal, onBytes, into }: Reading): Promise<Uint8Array> {
    const writer = writerFor(file)
    try {
      return await origin.readRange(file, start, end, {
        onPiece: writer.add,
        ...(signal ? { signal } : {}),
        ...(onBytes ? { onBytes } : {}),
        ...(into ? { into } : {}),
      })
    } catch (error) {
      await writer.done()
      // Wrong or of another version: whoever loads next asks anew and fetches all of it again.
      found.delete(file)
      if (error instanceof ClusterError && error.code === 'bad_checkpoint' && isInside(file, end)) await (await shelf).drop(file)
      throw error
    } finally {
      await writer.done()
    }
  }

  /** A range beyond the file's end is refused too, and says nothing against its bytes. */
  const isInside = (file: string, end: number): boolean => end <= (origin.facts(file)?.size ?? 0)

  /** Puts what is kept into its place; returns what was missing or damaged. */
  async function readKept(kept: KeptFile, range: Span, put: Put, reading: Reading): Promise<readonly Span[]> {
    const { parts, gaps } = kept.cover(range.start, range.end)
    const missing: Span[] = [...gaps]
    for (const part of parts) {
      if (reading.signal?.aborted) throw new ClusterError('cancelled', 'reading the model was cancelled')
      const bytes = await kept.read(part.piece, part.start, part.end)
      if (bytes) {
        put(bytes, part.start)
        reading.onBytes?.(bytes.length)
      } else {
        // The piece no longer counts; another may have some of the same bytes.
        missing.push(...(await readKept(kept, part, put, reading)))
      }
    }
    return joined(missing)
  }

  async function verify(file: string): Promise<void> {
    const kept = (await shelf).find(file)
    if (!kept || (await kept.verify())) return
    found.delete(file)
    const host = new URL(origin.address).host
    throw new ClusterError(
      'bad_checkpoint',
      `${file} of ${host} could not be read: its bytes, now all here, are not those that the host names (SHA-256)`,
    )
  }

  async function readRange(file: string, start: number, end: number, reading: Reading = {}): Promise<Uint8Array> {
    const kept = await keptOf(file)
    const size = kept?.record.size ?? Infinity
    if (end > size) throw new ClusterError('bad_checkpoint', `${file} of ${origin.label} has ${size} bytes, and byte ${end} is needed`)
    let target: Uint8Array | null = null
    const place = (): Uint8Array => (target ??= reading.into ?? new Uint8Array(end - start))
    const put: Put = (bytes, at) => place().set(bytes, at - start)
    const missing = kept ? await readKept(kept, { start, end }, put, reading) : [{ start, end }]
    const [only] = missing
    if (only?.start === start && only.end === end) {
      const bytes = await fetchSpan(file, only, reading)
      await verify(file)
      return bytes
    }
    const { into: _, ...elsewhere } = reading
    await Promise.all(missing.map(async (span) => put(await fetchSpan(file, span, elsewhere), span.start)))
    if (missing.length > 0) await verify(file)
    return place()
  }

  async function readText(file: string, signal?: AbortSignal): Promise<string | null> {
    const kept = await keptOf(file)
    if (kept?.record.version === null) return null
    const size = kept?.record.size ?? null
    if (kept && size !== null && kept.cover(0, size).gaps.length === 0)
      return new TextDecoder().decode(await readRange(file, 0, size, signal ? { signal } : {}))
    const bytes = await origin.readWhole(file, signal)
    const facts = origin.facts(file)
    if (!bytes) await (await shelf).begin(file, null)
    else if (facts && facts.version !== null)
      await (await (await shelf).begin(file, { ...facts, size: bytes.length })).write(0, new Uint8Array(bytes))
    return bytes && new TextDecoder().decode(bytes)
  }

  return { label: origin.label, ...(origin.gguf === undefined ? {} : { gguf: origin.gguf }), readText, readRange }
}
