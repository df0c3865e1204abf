/** A model from files that a person picked in the page: read by slices, never whole, and checked before anything is sent anywhere. */
import { describeModel } from '../../core/model/describe-model.ts'
import { splitPart } from '../../core/model/gguf-split.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { loadText } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'

export type PickedFile = {
  /** Without folders. */
  readonly name: string
  readonly file: File
}
export type PickedModel = {
  /** Of the folder, or of the file when it was picked alone: what a model of it may be called. */
  readonly name: string
  readonly source: ModelSource
  readonly description: ModelDescription
  /** What the model needs and no more, small files first. */
  readonly files: readonly PickedFile[]
  readonly totalBytes: number
}

const SMALL_FILE = /^[\w-][\w.-]*\.(?:json|jinja|model|txt)$/

const refuse = (what: string): ClusterError => new ClusterError('bad_checkpoint', what)

/** Files by the folder they were in; `''` for those picked one by one. */
function byFolder(files: Iterable<File>): ReadonlyMap<string, ReadonlyMap<string, File>> {
  const folders = new Map<string, Map<string, File>>()
  for (const file of files) {
    const folder = (file.webkitRelativePath || file.name).split('/').slice(0, -1).join('/')
    folders.set(folder, (folders.get(folder) ?? new Map<string, File>()).set(file.name, file))
  }
  return folders
}

function firstGguf(names: readonly string[], folder: string): string | null {
  const firsts = names.filter((name) => name.endsWith('.gguf') && (splitPart(name)?.part ?? 1) === 1)
  if (firsts.length > 1) throw refuse(`${folder || 'the choice'} has several GGUF models (${firsts.slice(0, 5).join(', ')}); pick one of them`)
  if (firsts.length === 0 && names.some((name) => name.endsWith('.gguf'))) throw refuse('the first part of the split GGUF file is missing')
  return firsts[0] ?? null
}

/** The only folder with a model in it, and its GGUF file where it is one. */
function choose(files: Iterable<File>): { readonly folder: string; readonly named: ReadonlyMap<string, File>; readonly gguf: string | null } {
  const models = [...byFolder(files)].flatMap(([folder, named]) => {
    const names = [...named.keys()]
    const hasWeights = named.has('config.json') && names.some((name) => name.endsWith('.safetensors'))
    const gguf = hasWeights ? null : firstGguf(names, folder)
    return hasWeights || gguf !== null || named.has('config.json') ? [{ folder, named, gguf }] : []
  })
  const [model, other] = models
  if (!model) throw refuse('there is no model in the choice: pick a .gguf file, or a folder with config.json and .safetensors files')
  if (other) throw refuse(`the choice has models in several folders (${model.folder}, ${other.folder}); pick one of them`)
  return model
}

/** Reads picked files by ranges. */
function fileSource(label: string, files: ReadonlyMap<string, File>, gguf: string | null): ModelSource {
  const unreadable = (file: string, cause: unknown): ClusterError =>
    new ClusterError('source_unavailable', `${file} can no longer be read; it may have changed since it was picked`, { cause })
  return {
    label,
    ...(gguf === null ? {} : { gguf }),
    readText: async (name) => {
      const file = files.get(name)
      return file
        ? file.text().catch((cause: unknown) => {
            throw unreadable(name, cause)
          })
        : null
    },
    readRange: async (name, start, end, { signal, onBytes } = {}) => {
      const file = files.get(name)
      if (!file) throw new ClusterError('source_unavailable', `${label} has no file ${name}`)
      if (end > file.size) throw refuse(`${name} ends at byte ${file.size}, and byte ${end} is needed`)
      if (signal?.aborted) throw new ClusterError('cancelled', `reading ${name} was cancelled`)
      const buffer = await file
        .slice(start, end)
        .arrayBuffer()
        .catch((cause: unknown) => {
          throw unreadable(name, cause)
        })
      onBytes?.(end - start)
      return new Uint8Array(buffer)
    },
  }
}

/** A download that broke off has a good header and no end. */
function checkSizes({ tensors }: ModelDescription, named: ReadonlyMap<string, File>): void {
  for (const [tensor, { file, end }] of tensors) {
    const size = named.get(file)?.size ?? 0
    if (end > size) throw refuse(`${file} is incomplete: it has ${size} bytes, and tensor ${tensor} ends at ${end}`)
  }
}

/**
 * @param files as an input element or a drop gives them; other files among them do no harm
 * @throws {ClusterError} bad_checkpoint naming what is missing or wrong, unsupported_model, source_unavailable
 */
export async function openPicked(files: Iterable<File>): Promise<PickedModel> {
  const { folder, named, gguf } = choose(files)
  const name = folder.split('/').at(-1) || (gguf === null ? 'model' : (splitPart(gguf)?.stem ?? gguf.replace(/\.gguf$/, '')))
  const source = fileSource(name, named, gguf)
  const description = await describeModel(source)
  checkSizes(description, named)
  await loadText(source)
  const weights = new Set([...description.tensors.values()].map(({ file }) => file))
  const needed = [...named].filter(([file]) => weights.has(file) || file === gguf || (gguf === null && SMALL_FILE.test(file)))
  const picked = needed.map(([file, content]) => ({ name: file, file: content })).sort((a, b) => a.file.size - b.file.size)
  return { name, source, description, files: picked, totalBytes: picked.reduce((sum, { file }) => sum + file.size, 0) }
}
