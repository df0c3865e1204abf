/** Branded identifiers: strings that have passed a check, so that one kind cannot be passed for another. */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A peer of the roster. Chosen by the peer itself, kept across reconnects of one page. */
export type PeerId = Branded<'PeerId'>
/** A model as clients name it, for example `ember`, `org/name`, `org/name@revision` or `org/name/file.gguf`. */
export type ModelId = Branded<'ModelId'>
/** One running completion: 64 random bits as 16 lower-case hexadecimal digits. */
export type SequenceId = Branded<'SequenceId'>

const PEER_ID = /^[a-z0-9-]{4,64}$/
const PART = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}'
/** A revision of the hub: a branch, a tag, a commit, or a reference such as refs/pr/7. */
const REVISION = `@(?:refs/${PART}/)?${PART}`
/** A file of a model with several: below its folder or repository, at most three folders deep. */
const GGUF_FILE = `/(?:${PART}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,127}[.]gguf`
const MODEL_ID = new RegExp(`^${PART}(?:/${PART})?(?:${REVISION})?(?:${GGUF_FILE})?$`)
const SEQUENCE_ID = /^[0-9a-f]{16}$/

const isPeerId = (value: unknown): value is PeerId => typeof value === 'string' && PEER_ID.test(value)
/** True for `name` or `org/name`, a revision and the name of a GGUF file behind it, of letters, digits, dot, dash and underscore: never a path upward. */
export const isModelId = (value: unknown): value is ModelId => typeof value === 'string' && MODEL_ID.test(value) && !value.includes('..')
const isSequenceId = (value: unknown): value is SequenceId => typeof value === 'string' && SEQUENCE_ID.test(value)

/** @throws {TypeError} when `value` is not a peer id. */
export function peerId(value: unknown): PeerId {
  if (isPeerId(value)) return value
  throw new TypeError(`not a peer id: ${String(value).slice(0, 80)}`)
}

/** @throws {TypeError} when `value` is not a model id. */
export function modelId(value: unknown): ModelId {
  if (isModelId(value)) return value
  throw new TypeError(`not a model id: ${String(value).slice(0, 80)}`)
}

/** @throws {TypeError} when `value` is not a sequence id. */
export function sequenceId(value: unknown): SequenceId {
  if (isSequenceId(value)) return value
  throw new TypeError(`not a sequence id: ${String(value).slice(0, 80)}`)
}

export { isPeerId, isSequenceId }
