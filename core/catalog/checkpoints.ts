/**
 * Well-known checkpoints and their sizes, for cards that are shown before anything is read. The figures are those of the published
 * config.json files as far as sizes depend on them; what the hub says, once it has been asked, replaces them.
 */
import { z } from 'zod'
import { modelIdSchema } from '../../protocol/cluster.ts'
import { configSchema } from '../model/config-schema.ts'
import CHECKPOINTS_JSON from './checkpoints.json' with { type: 'json' }

const checkpointSchema = z.object({
  id: modelIdSchema,
  name: z.string().min(1),
  family: z.string().min(1),
  /** In short, as its publisher names it. */
  licence: z.string().min(1),
  /** Its publisher hands it out on request: devices need an account's token for it. */
  gated: z.boolean(),
  config: configSchema,
})
export type Checkpoint = z.infer<typeof checkpointSchema>

/** One line of the file each, of families that run here. @throws {ZodError} when the table itself is wrong */
export const CHECKPOINTS: readonly Checkpoint[] = z.array(checkpointSchema).parse(CHECKPOINTS_JSON)
