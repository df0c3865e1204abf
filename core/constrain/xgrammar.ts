/**
 * The grammar engine, xgrammar compiled to WebAssembly. It is used for what it is exact in: which tokens keep to a grammar in EBNF.
 * From JSON schemas we make the EBNF ourselves (`json-schema.ts`): xgrammar 0.1.27 drops `allOf` with a warning and lets control
 * characters into strings that have a length.
 */
import { ClusterError } from '../../protocol/errors.ts'
import { byteLevelText, type TokenBytes } from '../text/token-bytes.ts'

export type Xgrammar = Pick<typeof import('@mlc-ai/web-xgrammar'), 'GrammarCompiler' | 'GrammarMatcher' | 'TokenizerInfo'>

/** Where an answer stands in a grammar. */
export type Matcher = {
  /** Goes on by a token; false, and no change, where the grammar forbids it. */
  readonly accept: (id: number) => boolean
  /** The same for a text that is part of a token. */
  readonly acceptText: (text: string) => boolean
  readonly rollBack: (tokens: number) => void
  /** One bit a token, lowest bit first; set = allowed. */
  readonly mask: () => Promise<Int32Array>
  /** The text that must come next, whatever is chosen; '' where there is a choice. */
  readonly forced: () => string
  readonly dispose: () => void
}

export type GrammarEngine = {
  /** @throws {ClusterError} invalid_value when the grammar does not parse */
  readonly start: (ebnf: string, stopIds: readonly number[]) => Promise<Matcher>
}

/** Compiled grammars kept: the same tools come with every turn of a conversation. */
const KEPT_GRAMMARS = 16

const broken = (cause: unknown): ClusterError => new ClusterError('invalid_value', 'the grammar of the answer cannot be compiled', { cause })

/** @param isText whether a token may be part of a text @param vocabSize logits of the model's head */
export async function openGrammarEngine(
  xgrammar: Xgrammar,
  tokens: TokenBytes,
  { isText, vocabSize }: { readonly isText: (id: number) => boolean; readonly vocabSize: number },
): Promise<GrammarEngine> {
  // A token without bytes counts as special there: never part of a text.
  const texts = Array.from({ length: vocabSize }, (_, id) => (isText(id) ? byteLevelText(tokens.bytesOf(id)) : ''))
  const info = await xgrammar.TokenizerInfo.createTokenizerInfo(texts, 'byte_level', false, vocabSize, [])
  const compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info, false)
  const compiled = new Map<string, ReturnType<typeof compiler.compileGrammar>>()

  function compile(ebnf: string): ReturnType<typeof compiler.compileGrammar> {
    const known = compiled.get(ebnf)
    if (known) return known
    const grammar = compiler.compileGrammar(ebnf)
    grammar.catch(() => compiled.delete(ebnf))
    compiled.set(ebnf, grammar)
    const [oldest] = compiled
    if (compiled.size > KEPT_GRAMMARS && oldest) {
      compiled.delete(oldest[0])
      oldest[1].then((unused) => unused.dispose()).catch(() => undefined)
    }
    return grammar
  }

  return {
    start: async (ebnf, stopIds) => {
      try {
        const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(await compile(ebnf), [...stopIds])
        return {
          accept: (id) => matcher.acceptToken(id),
          acceptText: (text) => matcher._acceptString(text),
          rollBack: (count) => matcher.rollBack(count),
          mask: () => matcher.getNextTokenBitmask(),
          forced: () => matcher.findJumpForwardString(),
          dispose: () => matcher.dispose(),
        }
      } catch (cause) {
        throw broken(cause)
      }
    },
  }
}

export const isXgrammar = (loaded: unknown): loaded is Xgrammar =>
  typeof loaded === 'object' && loaded !== null && ['GrammarCompiler', 'GrammarMatcher', 'TokenizerInfo'].every((name) => name in loaded)
