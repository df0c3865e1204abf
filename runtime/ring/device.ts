/** A device: the ring node with real models behind it. Platform-free: files, time and onnxruntime come as parameters. */
import type { Capabilities, WeightFormat, Wish } from '../../protocol/cluster.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { Clock } from '../../core/link/clock.ts'
import type { TensorError } from '../../core/graph/fidelity.ts'
import { holdingOf } from '../../core/cluster/format-choice.ts'
import { modelSizing } from '../../core/cluster/model-sizing.ts'
import type { LayerRange, ModelSizing } from '../../core/cluster/sizing.ts'
import { createConstraintSource } from '../../core/constrain/constraint-source.ts'
import type { Xgrammar } from '../../core/constrain/xgrammar.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { loadTokenBytes } from '../../core/text/vocabulary.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { fetchShard } from './fetch-shard.ts'
import { filesOf, watchFiles, type FileProgress } from './file-progress.ts'
import type { RunMeasurement } from '../measure/choose-backend.ts'
import { measureWishes } from '../measure/measure-wishes.ts'
import type { LoadProgress, ShardRunner } from '../shard-runner.ts'
import type { PortNetwork } from '../ports/port-network.ts'
import { createOffer, type Offer } from './offer.ts'
import { createRingNode, type RingNode } from './ring-node.ts'
import type { ShardLoader } from './shard-store.ts'
import { sharedSources } from './shared-sources.ts'
import { countingRunner, type Work } from '../stage/work-meter.ts'

export type OpenShard = (request: {
  readonly source: ModelSource
  readonly model: ModelDescription
  readonly startLayer: number
  readonly endLayer: number
  readonly weightFormat: WeightFormat
  readonly contextLength: number
  readonly capabilities: Capabilities
  readonly onProgress: (progress: LoadProgress) => void
  readonly onTensorErrors: (errors: readonly TensorError[]) => void
  readonly signal: AbortSignal
}) => Promise<ShardRunner>

/** `detail`: what only somebody who looks for it wants to read. */
export type DeviceLog = (message: string, fields: Record<string, unknown>, level?: 'detail') => void

export type DeviceOptions = {
  readonly network: PortNetwork
  readonly capabilities: Capabilities
  /** Opens the checkpoint that a wish or placement names. */
  readonly openSource: (source: string) => ModelSource
  readonly openShard: OpenShard
  /** Measures layers of models that are wished for; absent where the device offers no speeds. */
  readonly measure?: RunMeasurement
  /** Brings the grammar engine, when the first answer needs it. */
  readonly loadXgrammar: () => Promise<Xgrammar>
  /** Why the device offers less than it was created with, or nothing any more. */
  readonly onOffer?: (sentence: string) => void
  /** How far each file of a shard that is being loaded or fetched is; several may be at once. */
  readonly onFiles?: (model: ModelId, files: readonly FileProgress[]) => void
  /** What was computed, as it is done. */
  readonly onWork?: (done: Work) => void
  /** Part of the time that the device may compute, above 0 and at most 1; default: all of it. */
  readonly share?: () => number
  readonly clock: Clock
  readonly log: DeviceLog
}

export type Device = RingNode & Pick<Offer, 'reserve'>

export function createDevice(options: DeviceOptions): Device {
  const { network, clock, capabilities } = options
  const sources = sharedSources(options.openSource)
  const models = new Map<string, Promise<ModelDescription>>()

  /** One description per source; a failed read is tried again at the next call. */
  function modelOf(source: string): Promise<ModelDescription> {
    const known = models.get(source)
    if (known) return known
    const reading = describeModel(sources.get(source))
    models.set(source, reading)
    // What a source has learnt of its host may be why it failed: the next try opens a new one.
    reading.catch(() => {
      models.delete(source)
      sources.forget(source)
    })
    return reading
  }

  /** A source that could not be read, or gave wrong bytes, may have other files by now: the next try describes it anew. */
  async function withModel<T>(source: string, work: (opened: ModelSource, model: ModelDescription) => Promise<T>): Promise<T> {
    try {
      return await sources.use(source, async (opened) => work(opened, await modelOf(source)))
    } catch (error) {
      if (error instanceof ClusterError && (error.code === 'source_unavailable' || error.code === 'bad_checkpoint')) {
        models.delete(source)
        sources.forget(source)
      }
      throw error
    }
  }

  const constraints = createConstraintSource(options.loadXgrammar, (source) => sources.use(source, loadTokenBytes))
  const sizing = async (wish: Wish): Promise<ModelSizing> => modelSizing(await modelOf(wish.source), wish.contextLength)

  /** Other files may come under the same name. */
  const stopForgetting = network.onView((view) => {
    for (const { source, state } of view.wishes.values()) {
      if (state !== 'forget' || !models.delete(source)) continue
      sources.forget(source)
      constraints.forget(source)
    }
  })

  network.setCapabilities(capabilities)
  const offer = createOffer({
    pledged: capabilities,
    setCapabilities: network.setCapabilities,
    publish: () => network.publishStatus(node.status()),
    onChange: (sentence) => {
      options.log('offers less', { memoryBytes: offer.memoryBytes() })
      options.onOffer?.(sentence)
    },
  })
  const { measure, log, onFiles, onWork, share } = options
  const watched = (id: ModelId, source: ModelSource, model: ModelDescription, range: LayerRange): ModelSource =>
    onFiles ? watchFiles(source, filesOf(model, range), (files) => onFiles(id, files)) : source
  const stopMeasuring = measure
    ? measureWishes({ network: { ...network, setCapabilities: offer.describe }, capabilities, modelOf, run: measure, log })
    : () => undefined
  const load: ShardLoader = ({ placement, shard, onProgress, signal }) =>
    withModel(placement.source, async (source, model) => {
      const { startLayer, endLayer, weightFormat } = shard
      const { contextLength } = placement
      const onTensorErrors = (tensors: readonly TensorError[]): void => log('how tensors are held', { model: placement.model, tensors }, 'detail')
      const wanted = { startLayer, endLayer, weightFormat, contextLength, capabilities }
      const opened = watched(placement.model, source, model, shard)
      const runner = await options.openShard({ source: opened, model, ...wanted, onProgress, onTensorErrors, signal })
      const { worstTensors = [], classes } = runner.quantization
      log('layers are loaded', { model: placement.model, heldBytes: runner.heldBytes, held: classes, worstTensors })
      return onWork ? countingRunner(runner, onWork) : runner
    })
  const node = createRingNode({
    network,
    sizing,
    constraints,
    memoryBytes: offer.memoryBytes,
    onMemoryOut: offer.ranOut,
    now: clock.now,
    timer: clock.timer,
    ...(share ? { share } : {}),
    log: options.log,
    fetch: ({ placement, shard, onProgress, signal }) =>
      withModel(placement.source, (source, model) =>
        fetchShard({ source: watched(placement.model, source, model, shard), model, range: shard, onProgress, signal }),
      ),
    load: offer.watch(load, async ({ placement, shard }) =>
      modelSizing(await modelOf(placement.source), placement.contextLength).shardBytes(shard, holdingOf(capabilities, shard.weightFormat)),
    ),
  })
  return {
    ...node,
    reserve: offer.reserve,
    close: () => {
      stopForgetting()
      stopMeasuring()
      return node.close()
    },
  }
}
