/**
 * Models that people upload, file by file and piece by piece. What has arrived waits beside the models, where nothing else looks; a whole
 * checkpoint that can be read moves in among them in one step.
 */
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describeModel } from '../core/model/describe-model.ts'
import { splitPart } from '../core/model/gguf-split.ts'
import { loadText } from '../core/text/text-model.ts'
import type { Upload, UploadedFile } from '../protocol/catalog.ts'
import { ClusterError } from '../protocol/errors.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import { folderSource } from './folder-source.ts'
import { modelAt } from './model-folders.ts'

/** Bytes [start, end) of a file of `size` bytes. */
export type Piece = { readonly start: number; readonly end: number; readonly size: number }

export type Uploads = {
  readonly list: () => Promise<readonly Upload[]>
  /** What has arrived of one model. @throws {ClusterError} model_not_found */
  readonly find: (model: ModelId) => Promise<Upload>
  /**
   * Adds the piece behind what has arrived; one that begins at 0 begins the file anew. A stream that breaks off leaves what came.
   * @throws {ClusterError} invalid_value, payload_too_large, cancelled
   */
  readonly write: (model: ModelId, file: string, piece: Piece, body: Readable) => Promise<UploadedFile>
  /** Moves the checkpoint in among the models. @throws {ClusterError} invalid_value, unsupported_model, bad_checkpoint, model_not_found */
  readonly finish: (model: ModelId) => Promise<void>
  /** Deletes what has arrived; nothing to delete is no error. */
  readonly discard: (model: ModelId) => Promise<void>
  /** Deletes an uploaded model. False when this server's own folder of models has none of that name. */
  readonly remove: (model: ModelId) => Promise<boolean>
}

/** Not a model id, so no list of models shows it. */
const WAITING = '.uploads'
const REMOVED = '.removed'
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.(json|safetensors|gguf|txt|model|jinja)$/
const PARTIAL = /^(.+)\.(\d{1,15})\.part$/
const MAX_FILES = 512
/** Kept free on the disk, so that an upload never stops the machine. */
const RESERVE_BYTES = 512 * 1024 * 1024

const invalid = (message: string, param: string): ClusterError => new ClusterError('invalid_value', message, { detail: { param } })
async function sizeOf(file: string): Promise<number | null> {
  const found = await stat(file).catch(() => null)
  return found?.isFile() ? found.size : null
}

function checkPiece(file: string, { start, end, size }: Piece): void {
  if (!FILE_NAME.test(file))
    throw invalid(
      `${JSON.stringify(file.slice(0, 80))} is not the name of a model's file; expected .safetensors, .gguf, .json, .txt, .model or .jinja`,
      'file',
    )
  if (start <= end && end <= size && Number.isSafeInteger(size)) return
  throw invalid('content-range is not bytes START-LAST/SIZE of a file', 'content-range')
}

async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = Math.max(0, bavail * bsize - RESERVE_BYTES)
  if (bytes <= free) return
  const mib = (count: number): number => Math.ceil(count / 2 ** 20)
  throw new ClusterError('payload_too_large', `the disk of the server has room for ${mib(free)} MiB more, and ${mib(bytes)} MiB were to come`)
}

/** The GGUF file that is the model, where no other weights came. */
function ggufOf(model: ModelId, files: readonly UploadedFile[]): string | null {
  const names = files.map(({ name }) => name)
  if (names.some((name) => name.endsWith('.safetensors'))) return null
  const [first = null, other] = names.filter((name) => name.endsWith('.gguf') && (splitPart(name)?.part ?? 1) === 1)
  if (other !== undefined) throw invalid(`${model} came with several GGUF models (${first}, ${other}); upload each under a name of its own`, 'model')
  return first
}

async function filesIn(folder: string): Promise<readonly UploadedFile[]> {
  const names = await readdir(folder).catch(() => [])
  const files = await Promise.all(
    names.map(async (name): Promise<UploadedFile | null> => {
      const received = await sizeOf(path.join(folder, name))
      const [, partOf, size] = PARTIAL.exec(name) ?? []
      if (received === null || !FILE_NAME.test(partOf ?? name)) return null
      return { name: partOf ?? name, received, size: size === undefined ? received : Number(size) }
    }),
  )
  return files.filter((file) => file !== null).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Writes `body` at `piece.start`. @returns bytes of the file afterwards */
async function append(target: string, piece: Piece, body: Readable): Promise<number> {
  let position = piece.start
  const measured = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      position += chunk.length
      if (position > piece.end) throw invalid('more bytes came than content-range says', 'content-range')
      yield chunk
    }
  }
  try {
    await pipeline(body, measured, createWriteStream(target, piece.start === 0 ? { flags: 'w' } : { flags: 'r+', start: piece.start }))
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause
    throw new ClusterError('cancelled', 'the upload broke off; what arrived is kept', { cause })
  }
  if (position < piece.end) throw invalid(`${piece.end - piece.start} bytes were announced and ${position - piece.start} came`, 'content-range')
  return position
}

/**
 * @param root folder of models that this server may write to
 * @param isTaken true where a model of that name is here
 */
export function createUploads(root: string, isTaken: (model: ModelId) => Promise<boolean>): Uploads {
  const busy = new Set<string>()
  // One folder a model, whatever slash its name has.
  const folderOf = (model: ModelId): string => path.join(root, WAITING, encodeURIComponent(model))

  /** One writer at a time: two would overwrite each other. */
  async function alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (busy.has(key)) throw invalid('that file or model is being written by another request; wait for its end', 'file')
    busy.add(key)
    try {
      return await work()
    } finally {
      busy.delete(key)
    }
  }

  async function write(model: ModelId, file: string, piece: Piece, body: Readable): Promise<UploadedFile> {
    checkPiece(file, piece)
    const folder = folderOf(model)
    await mkdir(folder, { recursive: true })
    const known = await filesIn(folder)
    if (known.length >= MAX_FILES && !known.some(({ name }) => name === file)) throw invalid(`a model has at most ${MAX_FILES} files`, 'file')
    const partial = path.join(folder, `${file}.${piece.size}.part`)
    const received = (await sizeOf(partial)) ?? 0
    if (piece.start !== 0 && piece.start !== received)
      throw invalid(`${received} bytes of ${file} have arrived, so the next piece begins there, not at ${piece.start}`, 'content-range')
    await checkRoom(folder, piece.size - piece.start)
    const done = await append(partial, piece, body)
    if (done === piece.size) {
      // A file of another size, begun earlier under this name, is not the one that was meant.
      for (const name of await readdir(folder)) if (PARTIAL.exec(name)?.[1] === file && !partial.endsWith(name)) await rm(path.join(folder, name))
      await rename(partial, path.join(folder, file))
    }
    return { name: file, received: done, size: piece.size }
  }

  async function find(model: ModelId): Promise<Upload> {
    const files = await filesIn(folderOf(model))
    if (files.length > 0) return { model, files }
    throw new ClusterError('model_not_found', `nothing of ${model} has been uploaded`, { detail: { param: 'model' } })
  }

  async function finish(model: ModelId): Promise<void> {
    const { files } = await find(model)
    const missing = files.filter(({ received, size }) => received < size)
    if (missing.length > 0) throw invalid(`${missing.map(({ name }) => name).join(', ')} of ${model} have not arrived whole`, 'model')
    const target = path.join(root, model)
    const [organization] = model.split('/')
    const isInside = isModelId(organization) && organization !== model && (await isTaken(organization))
    if (isInside || (await isTaken(model)) || existsSync(target))
      throw invalid(`a model ${model} is here already; delete it first, or choose another name`, 'model')
    const source = folderSource(folderOf(model), ggufOf(model, files))
    // What cannot be run or spoken with is refused before it is offered.
    await describeModel(source)
    await loadText(source)
    await mkdir(path.dirname(target), { recursive: true })
    await rename(folderOf(model), target)
  }

  async function remove(model: ModelId): Promise<boolean> {
    const folder = path.join(root, model)
    const found = await modelAt(root, model)
    if (found?.folder !== folder) return false
    const grave = path.join(root, REMOVED, `${encodeURIComponent(model)}-${process.hrtime.bigint()}`)
    await mkdir(path.dirname(grave), { recursive: true })
    // Gone for everybody at once, however long deleting takes.
    await rename(folder, grave)
    await rm(grave, { recursive: true, force: true })
    return true
  }

  async function list(): Promise<readonly Upload[]> {
    const folders = await readdir(path.join(root, WAITING)).catch(() => [])
    const uploads = await Promise.all(
      folders
        .map(decodeURIComponent)
        .filter(isModelId)
        .map((id) => find(id).catch(() => null)),
    )
    return uploads.filter((upload) => upload !== null)
  }

  return {
    list,
    find,
    write: (model, file, piece, body) => alone(`${model}/${file}`, () => write(model, file, piece, body)),
    finish: (model) => alone(model, () => finish(model)),
    discard: (model) => rm(folderOf(model), { recursive: true, force: true }),
    remove,
  }
}
