/** From an emitted graph to a session: its weights are built in memory that the next graph takes over, and handed over. */
import type { MatrixFidelity } from '../../core/graph/fidelity.ts'
import type { EmittedGraph, StateSpec } from '../../core/graph/graph-builder.ts'
import type { HeadPlan, RowRange } from '../../core/graph/head-plan.ts'
import { partsOfShard, type ShardGraphs } from '../../core/graph/shard-graphs.ts'
import type { GraphValue } from '../../core/graph/onnx.ts'
import { spanTensors, type TokenSpan } from '../../core/graph/span-inputs.ts'
import { plannedBytes } from '../../core/graph/weight-plan.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { buildExternalData, buildSpace, type BuildPart, type BuildSpace, type WeightReading } from './external-data.ts'
import { exclusive } from './exclusive.ts'
import type { GpuHead } from './gpu-head.ts'
import type { Ort } from './ort.ts'

type Session = Awaited<ReturnType<Ort['InferenceSession']['create']>>
export type SessionOptions = NonNullable<Parameters<Ort['InferenceSession']['create']>[1]>

type Feeds = Parameters<Session['run']>[0]
type Results = Awaited<ReturnType<Session['run']>>

export type OpenedGraph = {
  /** Waits for its turn: one run at a time in the whole instance of ORT. */
  readonly run: (feeds: Feeds, fetches?: Feeds) => Promise<Results>
  readonly release: () => Promise<void>
  readonly inputs: readonly GraphValue[]
  /** Name of the output that is not a cache. */
  readonly output: string
  readonly states: readonly StateSpec[]
  /** Bytes of the weights in it. */
  readonly heldBytes: number
  /** What became of its matrices. */
  readonly fidelity: readonly MatrixFidelity[]
}

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

/** Weights as the checkpoint has them. It throws source_unavailable, bad_checkpoint, cancelled. */
export const fromCheckpoint =
  (reading: WeightReading): BuildPart =>
  async (graph, space) => {
    const built = await buildExternalData(graph, reading, space)
    if (reading.signal?.aborted) throw new ClusterError('cancelled', 'loading the shard was cancelled')
    return built
  }

type LoadedSession = { readonly session: Session; readonly fidelity: readonly MatrixFidelity[] }

/** The weights live in this call alone: a closure of the opened graph that shared its scope would keep a second copy of them for ever. */
async function loadSession(ort: Ort, graph: EmittedGraph, build: BuildPart, options: SessionOptions, space: BuildSpace): Promise<LoadedSession> {
  const { externalData, fidelity } = await build(graph, space)
  return { session: await createSession(ort, graph.modelBytes, { ...options, externalData }), fidelity }
}

/** What tells the graph which tokens it runs. */
export const spanFeeds = (ort: Ort, { inputs }: OpenedGraph, span: TokenSpan): Feeds =>
  Object.fromEntries(spanTensors(inputs, span).map(({ name, type, values, dims }) => [name, new ort.Tensor(type, values, dims)]))

/**
 * @param space where the weights are built; what it held before is lost, and may be again once this resolves
 * @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled; unsupported_backend when ORT refuses the graph; not_enough_memory
 */
export async function openGraph(
  ort: Ort,
  graph: EmittedGraph,
  build: BuildPart,
  options: SessionOptions,
  space: BuildSpace = buildSpace([graph]),
): Promise<OpenedGraph> {
  const [output] = graph.outputs
  if (!output) throw new Error('a graph without outputs')
  const { session, fidelity } = await loadSession(ort, graph, build, options, space)
  return {
    run: (feeds, fetches) => exclusive(ort, () => (fetches ? session.run(feeds, fetches) : session.run(feeds))),
    release: () => exclusive(ort, () => session.release()),
    inputs: graph.inputs,
    output: output.name,
    states: graph.states,
    heldBytes: graph.weights.reduce((sum, plan) => sum + plannedBytes(plan), 0),
    fidelity,
  }
}

/** Logits [start, end) of the vocabulary. */
export type OpenedHead = OpenedGraph & RowRange

/** What a shard computes with: layers in the order they run, and the head, in pieces or by our own kernels; none where the shard is not the last. */
export type OpenedShard = { readonly layers: readonly OpenedGraph[]; readonly head: readonly OpenedHead[]; readonly gpuHead: GpuHead | null }

type OpenedPart = OpenedGraph | GpuHead
const partsOf = ({ layers, head, gpuHead }: OpenedShard): readonly OpenedPart[] => [...layers, ...head, ...(gpuHead ? [gpuHead] : [])]
export const heldByGraphs = (opened: OpenedShard): number => partsOf(opened).reduce((sum, { heldBytes }) => sum + heldBytes, 0)
export const fidelityOfGraphs = (opened: OpenedShard): readonly MatrixFidelity[] => partsOf(opened).flatMap(({ fidelity }) => fidelity)
export const releaseGraphs = async (opened: OpenedShard): Promise<void> => {
  for (const part of partsOf(opened)) await part.release()
}

/** Those of `tensors` that are named. */
export function pick<Value>(names: Iterable<string>, tensors: Readonly<Record<string, Value>>): Record<string, Value> {
  const picked: Record<string, Value> = {}
  for (const name of names) {
    const tensor = tensors[name]
    if (tensor !== undefined) picked[name] = tensor
  }
  return picked
}

/** Opens what our kernels compute of a head. */
export type OpenGpuHead = (plan: HeadPlan, build: BuildPart, space: BuildSpace) => Promise<GpuHead>

/** All graphs, or none. @param openHead where the graphs have such a head @throws {ClusterError} as `openGraph` and `openHead` */
export async function openShardGraphs(
  ort: Ort,
  graphs: ShardGraphs,
  build: BuildPart,
  options: SessionOptions,
  openHead?: OpenGpuHead,
): Promise<OpenedShard> {
  const opened: { layers: OpenedGraph[]; head: OpenedHead[]; gpuHead: GpuHead | null } = { layers: [], head: [], gpuHead: null }
  const space = buildSpace(partsOfShard(graphs))
  try {
    for (const graph of graphs.layers) opened.layers.push(await openGraph(ort, graph, build, options, space))
    for (const { start, end, graph } of graphs.head) opened.head.push({ ...(await openGraph(ort, graph, build, options, space)), start, end })
    if (graphs.gpuHead && openHead) opened.gpuHead = await openHead(graphs.gpuHead, build, space)
    return opened
  } catch (error) {
    await releaseGraphs(opened)
    throw error
  }
}
