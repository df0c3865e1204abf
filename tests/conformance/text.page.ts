/** What concerns text, read and used inside a browser. */
import { httpSource } from '../../core/model/http-source.ts'
import { loadText } from '../../core/text/text-model.ts'
import { systemClock } from '../../runtime/system-clock.ts'

export type PageText = {
  readonly ids: readonly number[]
  readonly chatIds: readonly number[]
  readonly decoded: string
  readonly eosIds: readonly number[]
}

/** @param url of a folder, or of a GGUF file */
export async function speak({ url, text, question }: { url: string; text: string; question: string }): Promise<PageText> {
  const model = await loadText(httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random }))
  const ids = model.encode(text)
  return { ids, chatIds: model.encodeChat([{ role: 'user', content: question }]), decoded: model.decode(ids), eosIds: model.eosIds }
}
