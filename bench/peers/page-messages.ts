/** What a bench asks of a page that holds another engine. */
export type PageLoad = {
  /** Address of the folder that packages lie in, with a slash behind it. */
  readonly engines: string
  /** Address of the model without what tells its format. */
  readonly model: string
  readonly format: string
  readonly threads: number
  readonly contextTokens: number
}
export type PageAsk = { readonly texts: readonly string[]; readonly ids: readonly (readonly number[])[]; readonly tokens: number }
export type PageAnswer = {
  readonly ids: readonly (readonly number[])[]
  readonly firstTokenMs: number
  readonly decodePerSecond: number
  /** Of the first token of the first prompt: id and natural logarithm, the most probable ones as far as the engine tells them. */
  readonly logProbs: readonly (readonly [id: number, logProb: number])[]
}
