/** From an emitted graph to a session: reads the weights it names, builds them, hands them over. */
import type { EmittedGraph, StateSpec } from '../core/graph/graph-builder.ts'
import { externalPath } from '../core/graph/onnx.ts'
import { buildWeights, plannedBytes, sourcesOf, type WeightPlan } from '../core/graph/weight-plan.ts'
import { locationsOf, type StoredPart } from '../core/graph/weight-source.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { readTensors } from '../core/model/read-tensors.ts'
import type { TensorIndex, TensorLocation } from '../core/model/safetensors.ts'
import { ClusterError } from '../protocol/errors.ts'
import { exclusive } from './exclusive.ts'
import type { Ort } from './ort.ts'

type Session = Awaited<ReturnType<Ort['InferenceSession']['create']>>
export type SessionOptions = NonNullable<Parameters<Ort['InferenceSession']['create']>[1]>
type ExternalData = { path: string; data: Uint8Array }

type Feeds = Parameters<Session['run']>[0]
type Results = Awaited<ReturnType<Session['run']>>

export type OpenedGraph = {
  /** Waits for its turn: one run at a time in the whole instance of ORT. */
  readonly run: (feeds: Feeds, fetches?: Feeds) => Promise<Results>
  readonly release: () => Promise<void>
  /** Names of what must be fed. */
  readonly inputs: ReadonlySet<string>
  /** Name of the output that is not a cache. */
  readonly output: string
  readonly states: readonly StateSpec[]
  /** Bytes of the weights in it. */
  readonly heldBytes: number
}

export type WeightReading = {
  readonly source: ModelSource
  readonly tensors: TensorIndex
  readonly onBytes: (count: number) => void
  readonly signal?: AbortSignal
}

/** Stored bytes a group of plans is read in: bounds what is in memory beside the built weights. */
const READ_BYTES = 64 * 1024 * 1024

/** Parts of tensors that the plans need, by key. */
const partsOf = (plans: readonly WeightPlan[], tensors: TensorIndex): ReadonlyMap<string, TensorLocation> =>
  new Map(plans.flatMap(sourcesOf).flatMap((ref) => locationsOf(ref, tensors)))

const storedBytes = (locations: ReadonlyMap<string, TensorLocation>): number =>
  [...locations.values()].reduce((sum, { start, end }) => sum + end - start, 0)

/** Stored bytes that the graph's weights take on the wire. */
export const bytesToRead = (graph: EmittedGraph, tensors: TensorIndex): number => storedBytes(partsOf(graph.weights, tensors))

/** Plans in the order of their layers, in groups that are read together. */
function groupPlans(plans: readonly WeightPlan[], tensors: TensorIndex): readonly (readonly WeightPlan[])[] {
  const groups: WeightPlan[][] = []
  let filled = Infinity
  for (const plan of plans) {
    const bytes = storedBytes(partsOf([plan], tensors))
    if (filled + bytes > READ_BYTES) {
      groups.push([])
      filled = 0
    }
    groups.at(-1)?.push(plan)
    filled += bytes
  }
  return groups
}

/** Memory for built weights is asked for in pieces of this size: allocators return large ones to the system as soon as they are free, small ones late. */
const SLAB_BYTES = 256 * 1024 * 1024
/** Typed arrays begin at multiples of their element; 16 serves every one. */
const ALIGNMENT = 16

/** Copies weights one behind the other into as few buffers as possible. @param totalBytes of all that will come */
function slabs(totalBytes: number): (bytes: Uint8Array) => Uint8Array {
  let left = totalBytes
  let slab = new Uint8Array(0)
  let filled = 0
  return (bytes) => {
    if (filled + bytes.length > slab.length) {
      slab = new Uint8Array(Math.max(bytes.length, Math.min(left, SLAB_BYTES)))
      filled = 0
    }
    const placed = slab.subarray(filled, filled + bytes.length)
    placed.set(bytes)
    filled = Math.ceil((filled + bytes.length) / ALIGNMENT) * ALIGNMENT
    left -= bytes.length
    return placed
  }
}

async function buildExternalData(graph: EmittedGraph, reading: WeightReading): Promise<ExternalData[]> {
  const external: ExternalData[] = []
  const place = slabs(heldBytesOf(graph))
  for (const group of groupPlans(graph.weights, reading.tensors)) {
    const locations = partsOf(group, reading.tensors)
    const bytes = await readTensors(reading.source, locations, reading)
    const lookup = (key: string): StoredPart => {
      const [location, stored] = [locations.get(key), bytes.get(key)]
      if (!location?.type || !stored) throw new ClusterError('bad_checkpoint', `tensor ${key} was not read`)
      return { ...location, type: location.type, bytes: stored }
    }
    for (const plan of group) {
      for (const built of buildWeights(plan, lookup)) external.push({ path: externalPath(built.name), data: place(built.bytes) })
    }
  }
  return external
}

const heldBytesOf = (graph: EmittedGraph): number => graph.weights.reduce((sum, plan) => sum + plannedBytes(plan), 0)

async function createSession(ort: Ort, modelBytes: Uint8Array, options: SessionOptions): Promise<Session> {
  try {
    return await exclusive(ort, () => ort.InferenceSession.create(modelBytes, options))
  } catch (cause) {
    const text = String(cause)
    if (/bad_alloc|out of memory|allocation failed|memory access out of bounds/i.test(text)) {
      throw new ClusterError('not_enough_memory', 'the device ran out of memory while loading its layers', { cause })
    }
    throw new ClusterError('unsupported_backend', `the runtime refused the graph of these layers: ${text.slice(0, 300)}`, { cause })
  }
}

/** The weights live in this call alone: a closure of the opened graph that shared its scope would keep a second copy of them for ever. */
async function loadSession(ort: Ort, graph: EmittedGraph, reading: WeightReading, options: SessionOptions, onCompile: () => void): Promise<Session> {
  const externalData = await buildExternalData(graph, reading)
  if (reading.signal?.aborted) throw new ClusterError('cancelled', 'loading the shard was cancelled')
  onCompile()
  return createSession(ort, graph.modelBytes, { ...options, externalData })
}

/** @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled; unsupported_backend when ORT refuses the graph; not_enough_memory */
export async function openGraph(
  ort: Ort,
  graph: EmittedGraph,
  reading: WeightReading,
  options: SessionOptions,
  onCompile: () => void,
): Promise<OpenedGraph> {
  const [output] = graph.outputs
  if (!output) throw new Error('a graph without outputs')
  const session = await loadSession(ort, graph, reading, options, onCompile)
  return {
    run: (feeds, fetches) => exclusive(ort, () => (fetches ? session.run(feeds, fetches) : session.run(feeds))),
    release: () => exclusive(ort, () => session.release()),
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    output: output.name,
    states: graph.states,
    heldBytes: heldBytesOf(graph),
  }
}
