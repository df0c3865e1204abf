/** Tokens and prompts as a model has them: what llama.cpp's server and vLLM give under the same names. */
import { Router, type Request } from 'express'
import { z } from 'zod'
import type { TextModel } from '../../core/text/text-model.ts'
import { renderTools } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { parseChatRequest, templateVariables, type ChatRequest } from '../dialects/openai-chat.ts'
import { checkIds } from '../dialects/openai-completions.ts'
import { parseFields } from '../dialects/openai-fields.ts'
import type { ModelCatalog, ModelEntry } from '../model-catalog.ts'
import type { PromptEncoder } from '../prompt-encoder.ts'

export type TokenRoutesOptions = {
  readonly models: ModelCatalog
  readonly encoder: PromptEncoder
  /** Of requests that name no model, as llama.cpp's clients send them. */
  readonly defaultModel: ModelId | null
}

export const tokenizeSchema = z.looseObject({
  model: z.unknown().optional(),
  content: z.string().nullish(),
  prompt: z.string().nullish(),
  add_special: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
  with_pieces: z.boolean().nullish(),
})
export const detokenizeSchema = z.looseObject({ model: z.unknown().optional(), tokens: z.array(z.number().int().min(0)) })

function promptOf(request: ChatRequest, text: TextModel): string {
  const { turns, tools } = renderTools(request.turns, request.wish.tools, text.chatTemplate)
  const variables = { ...templateVariables(request, text), ...(tools ? { tools } : {}) }
  return text.renderChat(turns, { continueFinal: request.continueFinal, variables })
}

const pieceOf = (text: TextModel, id: number): object => {
  const bytes = text.bytesOfToken(id)
  const piece = new TextDecoder().decode(bytes)
  return { id, piece: piece.includes('\ufffd') ? [...bytes] : piece }
}

export function tokenRoutes({ models, encoder, defaultModel }: TokenRoutesOptions): Router {
  const modelOf = async (name: unknown): Promise<{ readonly entry: ModelEntry; readonly text: TextModel }> => {
    const entry = await models.find(name ?? defaultModel ?? undefined)
    return { entry, text: await models.text(entry) }
  }

  async function tokenize({ body }: Request): Promise<object> {
    const fields = parseFields(tokenizeSchema, body)
    const { entry, text } = await modelOf(fields.model)
    const isChat = body.messages !== undefined
    const content = isChat ? promptOf(parseChatRequest(body), text) : (fields.content ?? fields.prompt)
    if (content === undefined || content === null)
      throw new ClusterError('invalid_value', 'content: expected a text', { detail: { param: 'content' } })
    // llama.cpp's server adds nothing unless asked, vLLM's adds unless told not to; each has its own names for it.
    const addSpecial = fields.add_special ?? fields.add_special_tokens ?? (!isChat && typeof fields.prompt === 'string')
    const ids = await encoder.text(entry, text, content, addSpecial)
    return { tokens: fields.with_pieces ? ids.map((id) => pieceOf(text, id)) : ids, count: ids.length, max_model_len: text.contextLength }
  }

  const router = Router()
  router.post('/tokenize', async (request, response) => void response.json(await tokenize(request)))
  router.post('/detokenize', async (request, response) => {
    const { model, tokens } = parseFields(detokenizeSchema, request.body)
    const { text } = await modelOf(model)
    checkIds(tokens, text.vocabSize, 'tokens')
    const content = text.decode(tokens)
    response.json({ content, prompt: content })
  })
  router.post('/apply-template', async (request, response) => {
    const fields = parseChatRequest(request.body)
    const { text } = await modelOf(fields.model)
    response.json({ prompt: promptOf(fields, text) })
  })
  return router
}
