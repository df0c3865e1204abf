/** Texts of `tokenizers/` against the ids, decodings and streams that Hugging Face's tokenizers give. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { readGguf } from '../../core/model/gguf.ts'
import { ggufTokenizerFile } from '../../core/text/gguf-tokenizer.ts'
import { createTokenizer, type Tokenizer } from '../../core/text/tokenizer.ts'
import { startOutcome, type Outcome } from './outcome.ts'

const ids = z.array(z.number())
const casesSchema = z.object({
  cases: z
    .array(
      z.object({
        text: z.string(),
        ids,
        ids_with_special: ids,
        decoded: z.string(),
        decoded_skip_special: z.string(),
        stream: z.array(z.string().nullable()),
      }),
    )
    .min(1),
  random_ids: z.array(z.object({ ids, decoded: z.string(), decoded_skip_special: z.string() })),
})

const readJson = (...path: readonly string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'))
const brief = (value: unknown): string => JSON.stringify(value).slice(0, 120)

/** Whether the stream gives what each token adds, and never half a character. */
function streams(tokenizer: Tokenizer, tokenIds: readonly number[], expected: readonly (string | null)[]): boolean {
  const detokenizer = tokenizer.newDetokenizer({ skipSpecial: false })
  return JSON.stringify(tokenIds.map((id) => detokenizer.push(id) || null)) === JSON.stringify(expected.map((text) => text || null))
}

/** @param cases path of a cases.json */
export function tokenizerOutcome(name: string, tokenizer: Tokenizer, cases: string): Outcome {
  const { check, end } = startOutcome(name)
  const equal = (what: string, actual: unknown, expected: unknown): void => {
    const isEqual = JSON.stringify(actual) === JSON.stringify(expected)
    check(isEqual ? what : `${what}: ${brief(actual)}, not ${brief(expected)}`, isEqual)
  }
  const file = casesSchema.parse(readJson(cases))
  for (const one of file.cases) {
    equal(`ids of ${brief(one.text)}`, tokenizer.encode(one.text, { addSpecial: false }), one.ids)
    equal(`ids with special of ${brief(one.text)}`, tokenizer.encode(one.text, { addSpecial: true }), one.ids_with_special)
    check(`stream of ${brief(one.text)}`, streams(tokenizer, one.ids, one.stream))
  }
  for (const one of [...file.cases, ...file.random_ids]) {
    equal(`text of ${brief(one.ids)}`, tokenizer.decode(one.ids, { skipSpecial: false }), one.decoded)
    equal(`text without special of ${brief(one.ids)}`, tokenizer.decode(one.ids), one.decoded_skip_special)
  }
  return end()
}

/** A tokenizer that lies as tokenizer.json and tokenizer_config.json beside its cases. */
export function tokenizerFolderOutcome(name: string, folder: string): Outcome {
  const config = z.looseObject({}).parse(readJson(folder, 'tokenizer_config.json'))
  return tokenizerOutcome(name, createTokenizer(readJson(folder, 'tokenizer.json'), config), join(folder, 'cases.json'))
}

/** The tokenizer within a GGUF file against the cases that its golden.json names; null where it names none. @param root that the name is relative to */
export async function ggufTokenizerOutcome(name: string, folder: string, root: string): Promise<Outcome | null> {
  const { tokenizer_cases: cases } = z.looseObject({ tokenizer_cases: z.string().nullish() }).parse(readJson(folder, 'golden.json'))
  if (typeof cases !== 'string' || !existsSync(join(root, cases))) return null
  const { metadata } = await readGguf(folderSource(folder), 'model.gguf')
  return tokenizerOutcome(name, createTokenizer(ggufTokenizerFile(metadata), {}), join(root, cases))
}
