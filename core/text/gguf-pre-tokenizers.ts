/**
 * How a text is cut before BPE, by the name that GGUF's `tokenizer.ggml.pre` gives the rule. Names: llama.cpp `llama-vocab.cpp`;
 * the rules are those of the models' own tokenizer.json.
 */
import { ClusterError } from '../../protocol/errors.ts'

export type PreTokenizer = {
  /** Parts of a `pre_tokenizer` of tokenizer.json, before the last step to bytes. */
  readonly steps: readonly object[]
  /** Whether that last step cuts by GPT-2's rule too. */
  readonly cutsAsGpt2: boolean
  readonly normalizer: object | null
  /** A piece that is a token is taken whole, whatever the merges would make of it. */
  readonly ignoreMerges: boolean
  /** Whether a text begins with BOS where the file does not say. */
  readonly addsBos: boolean
}

const split = (pattern: string): object => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false })
const PLAIN: PreTokenizer = { steps: [], cutsAsGpt2: true, normalizer: null, ignoreMerges: false, addsBos: false }
const NFC = { type: 'NFC' }
const DIGITS = { type: 'Digits', individual_digits: true }

const CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const SIGNS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*'
const WORD = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'
/** A word ends where capitals begin again. */
const CASED_WORDS = (ending: string): string => {
  const [upper, lower] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]']
  return `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${ending}`
}
const SIGNS_OR_SLASHES = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*'
const byRule = (...patterns: readonly string[]): PreTokenizer => ({ ...PLAIN, steps: patterns.map(split), cutsAsGpt2: false })

const CL100K = byRule([CONTRACTIONS, WORD, '\\p{N}{1,3}', SIGNS, SPACES].join('|'))
const QWEN2 = byRule([CONTRACTIONS, WORD, '\\p{N}', SIGNS, SPACES].join('|'))
const DEEPSEEK3 = byRule(
  '\\p{N}{1,3}',
  '[一-龥぀-ゟ゠-ヿ]+',
  ['[!-/:-@\\[-`{-~][A-Za-z]+', '[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+', ' ?[\\p{P}\\p{S}]+[\\r\\n]*', SPACES].join('|'),
)
const FALCON: PreTokenizer = { ...PLAIN, steps: [split('[\\p{P}$+<=>^~|`]+')] }
const DIGIT_BY_DIGIT: PreTokenizer = { ...PLAIN, steps: [DIGITS] }
const LLAMA3: PreTokenizer = { ...CL100K, ignoreMerges: true, addsBos: true }

const RULES: readonly (readonly [PreTokenizer, readonly string[]])[] = [
  [{ ...PLAIN, steps: [split('[\\p{P}$+<=>^~|]+'), split('\\p{N}+'), split('[0-9][0-9][0-9]')] }, ['default']],
  [LLAMA3, ['llama3', 'llama-v3', 'llama-bpe', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2']],
  [CL100K, ['dbrx', 'smaug-bpe', 'chatglm-bpe', 'glm4']],
  [{ ...QWEN2, normalizer: NFC }, ['qwen2', 'deepseek-r1-qwen', 'stablelm2']],
  [QWEN2, ['hunyuan', 'megrez', 'grok-2', 'solar-open']],
  [
    {
      ...byRule([CONTRACTIONS, '[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+', '\\p{N}', ' ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*', SPACES].join('|')),
      normalizer: NFC,
    },
    ['qwen35'],
  ],
  [DEEPSEEK3, ['deepseek-v3', 'hunyuan-dense']],
  [byRule('[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', '\\p{N}'), ['deepseek-coder']],
  [{ ...FALCON, steps: [...FALCON.steps, split('[0-9][0-9][0-9]')] }, ['falcon']],
  [DIGIT_BY_DIGIT, ['smollm', 'starcoder', 'refact', 'codeshell', 'exaone', 'minerva-7b']],
  [{ ...DIGIT_BY_DIGIT, normalizer: NFC }, ['command-r']],
  [PLAIN, ['gpt-2', 'phi-2', 'jais', 'trillion', 'gigachat', 'mellum', 'granite-docling', 'roberta-bpe', 'jina-v2-code', 'jina-es', 'jina-de']],
  [{ ...PLAIN, normalizer: NFC }, ['mpt', 'olmo']],
  [{ ...byRule([CASED_WORDS(''), '\\p{N}', SIGNS_OR_SLASHES, SPACES].join('|')), ignoreMerges: true, addsBos: true }, ['tekken']],
  [byRule([CASED_WORDS(`${CONTRACTIONS}?`), '\\p{N}{1,3}', SIGNS_OR_SLASHES, SPACES].join('|')), ['gpt-4o', 'llama4', 'minimax-m2']],
  [
    byRule(["'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])", WORD, '\\p{N}', SIGNS, '\\s*[\\r\\n]|\\s+(?!\\S)|\\s+'].join('|')),
    ['bailingmoe', 'bailingmoe2', 'llada-moe'],
  ],
  [byRule([CONTRACTIONS, WORD, '\\p{N}', ' ?[^\\s\\p{L}\\p{N}\\r\\n]+', SPACES].join('|')), ['seed-coder']],
  [byRule(' ?[^(\\s|.,!?…。，、।۔،)]+'), ['poro-chat', 'bloom', 'gpt3-finnish']],
  [byRule(' ?[^(\\s|.,!?…。，、।۔،)]+', '\\p{N}'), ['viking']],
]
const BY_NAME: ReadonlyMap<string, PreTokenizer> = new Map(RULES.flatMap(([rule, names]) => names.map((name) => [name, rule] as const)))

/** @throws {ClusterError} unsupported_model naming the rule and those that are known */
export function preTokenizerNamed(name: string): PreTokenizer {
  const known = BY_NAME.get(name)
  if (known) return known
  throw new ClusterError(
    'unsupported_model',
    `the pre-tokenizer ${name.slice(0, 100)} of the GGUF file is not known; known are ${[...BY_NAME.keys()].join(', ')}`,
  )
}
