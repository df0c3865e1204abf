/**
 * A checkpoint behind a URL, read by Range requests: large ranges in parallel pieces, each resumed from the byte it had reached.
 * What a host says of its bytes is checked as far as it can be: lengths and ranges always, an ETag for change between requests, and the
 * SHA-256 that hubs give as the ETag of large files where the whole file was read. A part of a file has no hash to be checked against.
 */
import type { ClusterError } from '../../protocol/errors.ts'
import { checkpointAddress } from './checkpoint-address.ts'
import { readInto, readWhole } from './http-body.ts'
import { askFacts, factsOf, fileError, tryOnce, type HttpFile, type HttpSourceOptions } from './http-file.ts'
import { untilDone, type Try } from './http-retry.ts'
import type { RemoteSource } from './model-source.ts'
import { createGate } from './parallel.ts'

/** Large enough that a request's round trip does not show, small enough that some run beside each other. */
const PIECE_BYTES = 8 * 1024 * 1024
/** Requests under way at once: browsers open 6 connections to a host, and the page wants some too. */
const MAX_REQUESTS = 4

type Reading = {
  readonly signal?: AbortSignal | undefined
  readonly onBytes?: ((count: number) => void) | undefined
  readonly onPiece?: ((start: number, bytes: Uint8Array) => void) | undefined
}
type Piece = { readonly start: number; readonly target: Uint8Array; filled: number }

async function verify(file: HttpFile, bytes: Uint8Array<ArrayBuffer>, { sha256 }: HttpSourceOptions): Promise<void> {
  const expected = factsOf(file).sha256
  if (expected === null || !sha256) return
  const digest = Array.from(new Uint8Array(await sha256(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')
  if (digest === expected) return
  throw fileError(
    file,
    `its bytes are not those that the host names (SHA-256 ${expected.slice(0, 12)}…, came ${digest.slice(0, 12)}…)`,
    undefined,
    'bad_checkpoint',
  )
}

/** Null when the answer's range is the one asked for, as far as the answer tells. */
function wrongRange(file: HttpFile, response: Response, from: number, end: number): ClusterError | null {
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? []
  if (first === undefined || total === undefined) return null
  if (total !== '*') file.size = Number(total)
  if (Number(total) < end) return fileError(file, `it has ${total} bytes, and byte ${end} is needed`, undefined, 'bad_checkpoint')
  return Number(first) === from ? null : fileError(file, `the answer begins at byte ${first} where ${from} was asked for`)
}

async function takeWhole(file: HttpFile, response: Response, options: HttpSourceOptions, isAlive: () => void): Promise<Try<Uint8Array<ArrayBuffer>>> {
  const whole = await readWhole(response, file, isAlive)
  if (!whole) return { outcome: 'again', error: fileError(file, 'the transfer broke off') }
  await verify(file, whole, options)
  file.size = whole.length
  return { outcome: 'done', value: whole }
}

async function tryPiece(file: HttpFile, piece: Piece, options: HttpSourceOptions, { signal, onBytes, onPiece }: Reading): Promise<Try<void>> {
  const from = piece.start + piece.filled
  const end = piece.start + piece.target.length
  return tryOnce(file, `bytes=${from}-${end - 1}`, options, signal, async (response, isAlive) => {
    if (response.status === 200) {
      const taken = await takeWhole(file, response, options, isAlive)
      if (taken.outcome !== 'done') return taken
      file.whole = taken.value
      onPiece?.(0, taken.value)
      return { outcome: 'done', value: undefined }
    }
    const wrong = wrongRange(file, response, from, end)
    if (wrong) {
      await response.body?.cancel()
      return { outcome: 'failed', error: wrong }
    }
    file.hasRanges = true
    const before = piece.filled
    const { filled, cause } = await readInto(piece.target, before, response, file, (count) => {
      isAlive()
      onPiece?.(piece.start + piece.filled, piece.target.subarray(piece.filled, piece.filled + count))
      piece.filled += count
      onBytes?.(count)
    })
    if (filled === piece.target.length) return { outcome: 'done', value: undefined }
    const error = fileError(file, `the transfer broke off at byte ${piece.start + filled}`, cause)
    return { outcome: 'again', error, isProgress: filled > before }
  })
}

async function readPiece(file: HttpFile, piece: Piece, options: HttpSourceOptions, reading: Reading): Promise<void> {
  if (!file.whole) await untilDone(() => tryPiece(file, piece, options, reading), options, reading.signal)
  if (!file.whole || piece.filled === piece.target.length) return
  const { start, target, filled } = piece
  const rest = file.whole.subarray(start + filled, start + target.length)
  if (filled + rest.length < target.length) throw fileError(file, `it has ${file.whole.length} bytes`, undefined, 'bad_checkpoint')
  target.set(rest, filled)
  reading.onBytes?.(rest.length)
}

function piecesOf(start: number, target: Uint8Array): readonly Piece[] {
  const count = Math.ceil(target.length / PIECE_BYTES)
  return Array.from({ length: count }, (_, i) => ({
    start: start + i * PIECE_BYTES,
    target: target.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
    filled: 0,
  }))
}

/** @param address of a GGUF file, or of a folder with a config.json; with or without a slash at its end */
export function httpSource(address: string, options: HttpSourceOptions): RemoteSource {
  const { gguf, label, urlOf } = checkpointAddress(address)
  const files = new Map<string, HttpFile>()
  const gate = createGate(MAX_REQUESTS)

  function fileOf(name: string): HttpFile {
    const url = urlOf(name)
    const file = files.get(name) ?? { name, url, resolved: null, hasRanges: false, whole: null, version: null, size: null, first: null, silences: 0 }
    files.set(name, file)
    return file
  }

  /** Reads one piece alone as long as nobody knows whether the host gives ranges: if it does not, the one answer serves all. */
  async function readFirst(file: HttpFile, piece: Piece, reading: Reading): Promise<void> {
    while (file.first && !file.hasRanges && !file.whole) await file.first
    const work = gate(() => readPiece(file, piece, options, reading))
    if (!file.hasRanges && !file.whole) {
      file.first = work.catch(() => undefined).finally(() => (file.first = null))
    }
    await work
  }

  async function readAll(file: HttpFile, pieces: readonly Piece[], asked: Reading): Promise<void> {
    const [first, ...rest] = pieces
    if (first) await readFirst(file, first, asked)
    const failed = new AbortController()
    const reading = { ...asked, signal: asked.signal ? AbortSignal.any([asked.signal, failed.signal]) : failed.signal }
    const work = rest.map((piece) => gate(() => readPiece(file, piece, options, reading)))
    for (const one of work) one.catch(() => failed.abort())
    try {
      await Promise.all(work)
    } finally {
      // What was cancelled still ends: nothing writes once the caller has its error.
      await Promise.allSettled(work)
    }
  }

  const readWholeFile = (file: HttpFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null> =>
    untilDone(() => tryWhole(file, options, signal), options, signal)
  return {
    label,
    address,
    ...(gguf === null ? {} : { gguf }),
    facts: (name) => {
      const file = files.get(name)
      return file && (file.size !== null || file.version !== null) ? factsOf(file) : null
    },
    expect: (name, version) => {
      fileOf(name).version ??= version
    },
    ask: (name, signal) => askFacts(fileOf(name), options, signal),
    readWhole: (name, signal) => readWholeFile(fileOf(name), signal),
    readText: async (name, signal) => {
      const bytes = await readWholeFile(fileOf(name), signal)
      return bytes && new TextDecoder().decode(bytes)
    },
    readRange: async (name, start, end, asked = {}) => {
      if (end <= start) return new Uint8Array(0)
      const file = fileOf(name)
      const target = asked.into ?? new Uint8Array(end - start)
      await readAll(file, piecesOf(start, target), asked)
      if (start === 0 && end === file.size) await verify(file, target, options)
      return target
    },
  }
}

async function tryWhole(file: HttpFile, options: HttpSourceOptions, signal?: AbortSignal): Promise<Try<Uint8Array<ArrayBuffer> | null>> {
  let isMissing = false
  const fetch: HttpSourceOptions['fetch'] = async (url, init) => {
    const response = await options.fetch(url, init)
    isMissing = response.status === 404 && file.resolved === null
    return response
  }
  const tried = await tryOnce(file, null, { ...options, fetch }, signal, (response, isAlive) => takeWhole(file, response, options, isAlive))
  return isMissing ? { outcome: 'done', value: null } : tried
}
