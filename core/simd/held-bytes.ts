import type { LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { heldBytesOf } from './held-matrix.ts'
import { placeBuffers } from './place.ts'
import { cacheBytes, weightBytes, type Program } from './program.ts'
import { headProgram, layersProgram, type ProgramOptions } from './shard-program.ts'
import { tiedTable } from './tied-table.ts'

/** Rows whose logits are computed at once. */
export const HEAD_ROWS = 4

/** Placement asks for many ranges of one model; a layer's program never changes. */
const known = new WeakMap<ModelDescription, Map<string, Program>>()

function remembered(model: ModelDescription, key: string, make: () => Program): Program {
  const programs = known.get(model) ?? new Map<string, Program>()
  known.set(model, programs)
  const program = programs.get(key) ?? make()
  programs.set(key, program)
  return program
}

function layerPrograms(model: ModelDescription, { startLayer, endLayer }: LayerRange, options: ProgramOptions): readonly Program[] {
  return Array.from({ length: endLayer - startLayer }, (_, i) => {
    const layer = { startLayer: startLayer + i, endLayer: startLayer + i + 1 }
    const key = `${layer.startLayer} ${options.weightFormat} ${options.contextLength}`
    return remembered(model, key, () => layersProgram(model, layer, options))
  })
}

const headOf = (model: ModelDescription, options: ProgramOptions): Program =>
  remembered(model, `head ${options.weightFormat}`, () => headProgram(model, options).program)

const scratches = new WeakMap<Program, Map<number, number>>()
function scratchBytes(program: Program, rows: number): number {
  const known = scratches.get(program) ?? new Map<number, number>()
  scratches.set(program, known)
  const bytes = known.get(rows) ?? placeBuffers(program, { rows, parts: 1 }).bytes
  known.set(rows, bytes)
  return bytes
}

/** Bytes of one sequence's cache of `tokens` tokens. @throws {ClusterError} unsupported_backend */
export const simdStateBytes = (model: ModelDescription, range: LayerRange, tokens: number, options: ProgramOptions): number =>
  layerPrograms(model, range, options).reduce((sum, program) => sum + cacheBytes(program, tokens), 0)

/** Bytes of activations of a pass of `rows` rows through the layers, and of a few through the head. @throws {ClusterError} unsupported_backend */
export function simdScratchBytes(model: ModelDescription, range: LayerRange, rows: number, options: ProgramOptions): number {
  // Buffers of one layer make room for the next one's.
  const layers = Math.max(...layerPrograms(model, range, options).map((program) => scratchBytes(program, rows)))
  if (range.endLayer !== model.config.numLayers) return layers
  return layers + scratchBytes(headOf(model, options), HEAD_ROWS)
}

/** Whether the embedding table is held as the head's matrix is. @throws {ClusterError} unsupported_backend */
export const simdSharesTable = (model: ModelDescription, range: LayerRange, options: ProgramOptions): boolean =>
  tiedTable(model, range, headOf(model, options)) !== null

/** Bytes of weights in a shard's memory: layers, at the end norm and head, and at the start a table that is the head's matrix. @throws {ClusterError} unsupported_backend */
export function simdWeightBytes(model: ModelDescription, range: LayerRange, options: ProgramOptions): number {
  const layers = layerPrograms(model, range, options).reduce((sum, program) => sum + weightBytes(program), 0)
  if (range.endLayer === model.config.numLayers) return layers + weightBytes(headOf(model, options))
  const table = tiedTable(model, range, headOf(model, options))
  return layers + (table ? heldBytesOf(table) : 0)
}
