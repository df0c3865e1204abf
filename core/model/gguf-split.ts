/** Names of GGUF files that were split: `NAME-00001-of-00003.gguf`. Source: llama.cpp `llama_split_path`. */
import { ClusterError } from '../../protocol/errors.ts'
import type { GgufValue } from './gguf.ts'

const NAME = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/
/** Five digits name more; no model has as many. */
const MAX_PARTS = 1000

/** Number of a part, from 1, and how many there are; null for a file that is no part. */
export function splitPart(file: string): { readonly stem: string; readonly part: number; readonly parts: number } | null {
  const [, stem, part, parts] = NAME.exec(file) ?? []
  return stem === undefined ? null : { stem, part: Number(part), parts: Number(parts) }
}

/**
 * All parts, the first one first.
 * @param count `split.count` of its metadata
 * @throws {ClusterError} bad_checkpoint for a part that is not the first, or a count that is not that of its name
 */
export function splitNames(file: string, count: GgufValue | undefined): readonly string[] {
  if (count === undefined || count === 0 || count === 1) return [file]
  const name = splitPart(file)
  if (!name || name.parts !== count || name.parts > MAX_PARTS)
    throw new ClusterError('bad_checkpoint', `${file} is one of ${String(count)} parts, and its name does not say so (…-00001-of-0000N.gguf)`)
  if (name.part !== 1) throw new ClusterError('bad_checkpoint', `${file} is part ${name.part} of ${name.parts}; name the first one`)
  const digits = (value: number): string => String(value).padStart(5, '0')
  return Array.from({ length: name.parts }, (_, i) => `${name.stem}-${digits(i + 1)}-of-${digits(name.parts)}.gguf`)
}
