/** Fields that messages of several planes have. */
import { z } from 'zod'
import { isErrorCode, type ErrorCode } from './errors.ts'
import { isModelId, isPeerId, type ModelId, type PeerId } from './ids.ts'

export const peerIdSchema = z.custom<PeerId>(isPeerId, 'not a peer id')
export const modelIdSchema = z.custom<ModelId>(isModelId, 'not a model id')
export const errorCodeSchema = z.custom<ErrorCode>(isErrorCode, 'not an error code')
export const bytes = z
  .number()
  .int()
  .min(0)
  .max(2 ** 53 - 1)
export const layer = z.number().int().min(0).max(4096)
export const epoch = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
export const milliseconds = z.number().min(0).max(1e9)
export const count = z.number().int().min(0).max(1e6)
/** May exceed 1 only by numbers that are not weights any more. */
export const relativeError = z.number().min(0).max(1e6)
export const sentence = z.string().max(2000)
/** Zod's own `readonly` freezes whatever comes, bytes among it, and throws where it cannot (zod 4.6). */
export const unchanging = <T>(list: T[]): readonly T[] => list
/** How a device holds matrices, from the most exact to the smallest: floats, or integers of 8 or 4 bits with a scale to each row or block. */
export const weightFormatSchema = z.enum(['f32', 'f16', 'int8', 'int4'])
export type WeightFormat = z.infer<typeof weightFormatSchema>
/**
 * What a wish puts first. `quality`: floats wherever they fit. `balanced`: each backend's own best, smaller where that does not fit.
 * `small`: the smallest format of each device.
 */
export const qualitySchema = z.enum(['quality', 'balanced', 'small'])
export type Quality = z.infer<typeof qualitySchema>
export const strategySchema = z.enum(['memory-weighted', 'latency', 'throughput', 'auto'])
export type Strategy = z.infer<typeof strategySchema>
