/** The weights of a graph as ONNX Runtime takes them: read by range, built into memory that graph after graph uses again. */
import { buildWeights } from '../../core/graph/build-weights.ts'
import { fidelityOf, type MatrixFidelity } from '../../core/graph/fidelity.ts'
import { externalPath } from '../../core/graph/onnx.ts'
import { partBytes, storedParts, tensorBytes, type WeightPlan } from '../../core/graph/weight-plan.ts'
import type { StoredPart } from '../../core/graph/weight-source.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { readSpace, readTensors } from '../../core/model/read-tensors.ts'
import type { TensorIndex, TensorLocation } from '../../core/model/safetensors.ts'
import { createScratch, type Scratch } from '../../core/quant/scratch.ts'
import { ClusterError } from '../../protocol/errors.ts'

export type WeightReading = {
  readonly source: ModelSource
  readonly tensors: TensorIndex
  readonly onBytes: (count: number) => void
  readonly signal?: AbortSignal
  /** Bytes of the checkpoint that are in memory anyway: never read again. */
  readonly held?: { readonly location: TensorLocation; readonly bytes: Uint8Array }
  /** Where what is read lies until it is built. */
  readonly space?: GrowingSpace
}

/** Gives so many bytes, the same ones each time: what was there is lost. */
export type GrowingSpace = (bytes: number) => Uint8Array<ArrayBuffer>

/** Memory that is freed and asked for again would wait for the garbage collector meanwhile. */
export function growingSpace(): GrowingSpace {
  let space = new Uint8Array(0)
  return (bytes) => {
    if (space.length < bytes) space = new Uint8Array(bytes)
    return space.subarray(0, bytes)
  }
}

/** Where the weights of graph after graph are built, and what is needed on the way. */
export type BuildSpace = { readonly weights: Uint8Array<ArrayBuffer>; readonly scratch: Scratch }

/** What is built together: a graph, or a part of a head. */
type Part = { readonly weights: readonly WeightPlan[] }

/** Enough for each of the parts by itself. @throws {ClusterError} not_enough_memory */
export function buildSpace(graphs: readonly Part[]): BuildSpace {
  const bytes = Math.max(...graphs.map(spaceOf))
  try {
    return { weights: new Uint8Array(bytes), scratch: createScratch() }
  } catch (cause) {
    throw new ClusterError('not_enough_memory', `the device has no ${Math.ceil(bytes / 2 ** 20)} MiB to build weights in`, { cause })
  }
}

/** Stored bytes a group of plans is read in: bounds what is in memory beside the built weights. */
const READ_BYTES = 16 * 1024 * 1024
/** Typed arrays begin at multiples of their element; 16 serves every one. */
const ALIGNMENT = 16
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT

const spaceOf = ({ weights }: Part): number =>
  weights.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + aligned(tensorBytes(tensor)), 0)

const isWithin = (part: TensorLocation, whole: TensorLocation): boolean =>
  part.file === whole.file && part.start >= whole.start && part.end <= whole.end

/** Parts that come over the wire: those that do not lie in `held`. */
export const notHeld = (parts: ReadonlyMap<string, TensorLocation>, held?: TensorLocation): ReadonlyMap<string, TensorLocation> =>
  new Map([...parts].filter(([, location]) => !held || !isWithin(location, held)))

const missingParts = (plans: readonly WeightPlan[], tensors: TensorIndex, held?: TensorLocation): ReadonlyMap<string, TensorLocation> =>
  notHeld(storedParts(plans, tensors), held)

/** Stored bytes that the graphs' weights take on the wire. @param held what is in memory anyway */
export const bytesToRead = (graphs: readonly Part[], tensors: TensorIndex, held?: TensorLocation): number =>
  graphs.reduce((sum, { weights }) => sum + partBytes(missingParts(weights, tensors, held)), 0)

/** Plans in the order of their layers, in groups that are read together. */
function groupPlans(plans: readonly WeightPlan[], { tensors, held }: WeightReading): readonly (readonly WeightPlan[])[] {
  const groups: WeightPlan[][] = []
  let filled = Infinity
  for (const plan of plans) {
    const bytes = partBytes(missingParts([plan], tensors, held?.location))
    if (filled + bytes > READ_BYTES) {
      groups.push([])
      filled = 0
    }
    groups.at(-1)?.push(plan)
    filled += bytes
  }
  return groups
}

/** Gives each of the parts, read or held, until parts are read again. @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function readParts(locations: ReadonlyMap<string, TensorLocation>, reading: WeightReading): Promise<(key: string) => StoredPart> {
  const { source, held, onBytes, signal, space } = reading
  const missing = notHeld(locations, held?.location)
  const into = space?.(readSpace(missing))
  const read = await readTensors(source, missing, { onBytes, ...(signal ? { signal } : {}), ...(into ? { into } : {}) })
  return (key) => {
    const location = locations.get(key)
    const from = held?.location.start ?? 0
    const bytes = read.get(key) ?? (location && held?.bytes.subarray(location.start - from, location.end - from))
    if (!location?.type || !bytes) throw new ClusterError('bad_checkpoint', `tensor ${key} was not read`)
    return { ...location, type: location.type, bytes }
  }
}

/** The initializers, as views of the space they were built in, and what became of matrices on the way. */
export type BuiltData = { readonly externalData: { path: string; data: Uint8Array }[]; readonly fidelity: readonly MatrixFidelity[] }

/** Builds a part's weights in the space. */
export type BuildPart = (part: Part, space: BuildSpace) => Promise<BuiltData>

/** @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function buildExternalData(graph: Part, reading: WeightReading, space: BuildSpace): Promise<BuiltData> {
  let filled = 0
  const place = (bytes: number): Uint8Array => {
    const placed = space.weights.subarray(filled, filled + bytes)
    filled += aligned(bytes)
    return placed
  }
  const externalData: { path: string; data: Uint8Array }[] = []
  const fidelity: MatrixFidelity[] = []
  for (const group of groupPlans(graph.weights, reading)) {
    const lookup = await readParts(storedParts(group, reading.tensors), reading)
    for (const plan of group) {
      const built = plan.tensors.map((tensor) => ({ path: externalPath(tensor.name), data: place(tensorBytes(tensor)) }))
      const targets = built.map(({ data }) => data)
      const deviation = buildWeights(plan, lookup, targets, space.scratch)
      if (deviation) fidelity.push(fidelityOf(plan, reading.tensors, deviation))
      externalData.push(...built)
    }
  }
  return { externalData, fidelity }
}
