/** Opens constraints for the models of a device. Engine, vocabularies and compiled grammars come with the first answer that asks for them, and stay. */
import type { Grammar } from '../../protocol/grammar.ts'
import type { TokenBytes } from '../text/token-bytes.ts'
import { closingTokensOf, type ClosingTokens } from './closing-path.ts'
import { createConstraint, type Constraint } from './constraint.ts'
import { openGrammarEngine, type GrammarEngine, type Xgrammar } from './xgrammar.ts'

export type ConstraintRequest = {
  /** The checkpoint, as its placement names it. */
  readonly source: string
  readonly grammar: Grammar
  readonly stopIds: readonly number[]
  /** Logits of the model's head. */
  readonly vocabSize: number
}
export type ConstraintSource = {
  /** Brings what the first answer of a checkpoint would wait for. */
  readonly warm: (source: string) => void
  /** @throws {ClusterError} invalid_value, unsupported_model, source_unavailable */
  readonly open: (request: ConstraintRequest) => Promise<Constraint>
  /** Other files may come under the same name. */
  readonly forget: (source: string) => void
}

type Prepared = { readonly engine: GrammarEngine; readonly tokens: TokenBytes; readonly closing: ClosingTokens }

/** @param load brings the engine @param readTokens the vocabulary of a checkpoint */
export function createConstraintSource(load: () => Promise<Xgrammar>, readTokens: (source: string) => Promise<TokenBytes>): ConstraintSource {
  const prepared = new Map<string, { readonly source: string; readonly ready: Promise<Prepared> }>()
  const vocabularies = new Map<string, Promise<TokenBytes>>()
  let engine: Promise<Xgrammar> | null = null

  /** What could not be had is asked for again by the next answer. */
  function loadEngine(): Promise<Xgrammar> {
    const loading = engine ?? load()
    engine = loading
    loading.catch(() => (engine = null))
    return loading
  }
  function vocabularyOf(source: string): Promise<TokenBytes> {
    const reading = vocabularies.get(source) ?? readTokens(source)
    vocabularies.set(source, reading)
    reading.catch(() => vocabularies.delete(source))
    return reading
  }

  async function prepare({ source, vocabSize, grammar: { markers } }: ConstraintRequest): Promise<Prepared> {
    const [xgrammar, tokens] = await Promise.all([loadEngine(), vocabularyOf(source)])
    const isMarker = (id: number): boolean => markers.includes(new TextDecoder().decode(tokens.bytesOf(id)))
    const isText = (id: number): boolean => !tokens.isSpecial(id) || isMarker(id)
    return {
      engine: await openGrammarEngine(xgrammar, tokens, { isText, vocabSize }),
      tokens,
      closing: closingTokensOf(tokens, vocabSize, isText),
    }
  }

  return {
    warm: (source) => void Promise.allSettled([loadEngine(), vocabularyOf(source)]),
    open: async (request) => {
      const { source, grammar, stopIds, vocabSize } = request
      const key = JSON.stringify([source, vocabSize, grammar.markers])
      const known = prepared.get(key) ?? { source, ready: prepare(request) }
      prepared.set(key, known)
      known.ready.catch(() => prepared.delete(key))
      return createConstraint({ grammar, stopIds, ...(await known.ready) })
    },
    forget: (source) => {
      vocabularies.delete(source)
      for (const [key, one] of prepared) if (one.source === source) prepared.delete(key)
    },
  }
}
