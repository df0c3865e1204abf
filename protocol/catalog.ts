/** Bodies of `/v1/catalog`: models as people choose among them, and uploads of their files. */
import { z } from 'zod'
import { modelIdSchema, qualitySchema } from './cluster.ts'
import { isErrorCode, type ErrorCode } from './errors.ts'

const count = z.number().int().min(0)
const bytes = z.number().min(0)

/** What a model is, from its config.json. */
export const modelFactsSchema = z.object({
  /** `model_type` of config.json. */
  modelType: z.string(),
  parameters: count,
  /** Bytes of its tensors as stored: what devices read in all. */
  bytes,
  layers: count,
  hiddenSize: count,
  heads: count,
  kvHeads: count,
  headDim: count,
  vocabSize: count,
  /** The output matrix is the embedding table. */
  tied: z.boolean(),
  /** Tokens that the model permits. */
  contextLength: count,
})
export type ModelFacts = z.infer<typeof modelFactsSchema>

export const fitSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('fits'), devices: count }),
  z.object({ state: z.literal('short'), missingBytes: bytes, neededBytes: bytes }),
  /** It runs on no device here, whatever their memory. */
  z.object({ state: z.literal('refused'), reason: z.string() }),
  /** Nobody lends a device; null where not even an imagined one would run it. */
  z.object({ state: z.literal('no-devices'), neededBytes: bytes.nullable() }),
])
export type Fit = z.infer<typeof fitSchema>

export const modelCardSchema = z.object({
  id: modelIdSchema,
  name: z.string(),
  /** Null where nobody has named it. */
  family: z.string().nullable(),
  licence: z.string().nullable(),
  /** Its publisher hands it out on request; null = not known. */
  gated: z.boolean().nullable(),
  /** Who has the files: this server, or the hub that it is set to. */
  place: z.enum(['server', 'hub']),
  /** Was uploaded, and can be deleted from the server. */
  isRemovable: z.boolean(),
  facts: modelFactsSchema.nullable(),
  /** The facts were read from the checkpoint itself, not from the catalogue. */
  isVerified: z.boolean(),
  fit: fitSchema.nullable(),
  /** Why there are no facts. */
  error: z.object({ code: z.custom<ErrorCode>(isErrorCode, 'not an error code'), message: z.string() }).nullable(),
})
export type ModelCard = z.infer<typeof modelCardSchema>

export const catalogSchema = z.object({ quality: qualitySchema, data: z.array(modelCardSchema).max(10_000) })
export type CatalogBody = z.infer<typeof catalogSchema>

export const uploadedFileSchema = z.object({ name: z.string(), received: count, size: count })
export type UploadedFile = z.infer<typeof uploadedFileSchema>
export const uploadSchema = z.object({ model: modelIdSchema, files: z.array(uploadedFileSchema).readonly() })
export type Upload = z.infer<typeof uploadSchema>
export const uploadListSchema = z.object({ data: z.array(uploadSchema).max(10_000) })
