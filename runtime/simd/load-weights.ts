/** Streams weights from the checkpoint into their places: beside them only a few pieces of what is stored are in memory. */
import type { WeightRef } from '../../core/arch/layer-builder.ts'
import { matrixFidelity, type MatrixFidelity } from '../../core/graph/fidelity.ts'
import { columnsOf, locationsOf, rowsOf } from '../../core/graph/weight-source.ts'
import type { TensorIndex, TensorLocation } from '../../core/model/safetensors.ts'
import { heldBytesOf, type HeldWeight } from '../../core/simd/held-matrix.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { notHeld, readParts, type WeightReading } from '../engines/external-data.ts'
import { weightPutter, type PlacedWeight, type ShardRoom } from './put-weights.ts'

/** Stored bytes that are decoded at once. */
const PIECE_BYTES = 512 * 1024
/** Stored bytes that are read together, at most; and their share of what is held. */
const READ_BYTES = 16 * 1024 * 1024
const READ_SHARE = 32

type Piece = {
  readonly place: PlacedWeight
  readonly ref: WeightRef
  /** Row of the weight, or element of a vector, where its rows go. */
  readonly firstRow: number
  readonly locations: ReadonlyMap<string, TensorLocation>
}

const storedBytes = (locations: ReadonlyMap<string, TensorLocation>): number =>
  [...locations.values()].reduce((sum, { start, end }) => sum + end - start, 0)

/** Rows of a reference in pieces; whole where its rows do not lie behind each other. */
function splitRef(ref: WeightRef, tensors: TensorIndex): readonly WeightRef[] {
  const bytes = storedBytes(new Map(locationsOf(ref, tensors)))
  const isWhole = ref.transposed || ref.order || ref.mxfp4Scales !== undefined || (ref.rows?.step ?? 1) !== 1
  if (isWhole || bytes <= PIECE_BYTES) return [ref]
  const rows = rowsOf(ref)
  const head = tensors.get(ref.tensor)?.pairedRows ?? 1
  const step = Math.max(head, head * Math.floor((PIECE_BYTES / bytes) * (rows / head)))
  const { start: first = 0 } = ref.rows ?? {}
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    ...ref,
    rows: { start: first + i * step, end: first + Math.min(rows, (i + 1) * step) },
  }))
}

function piecesOf(place: PlacedWeight, tensors: TensorIndex): readonly Piece[] {
  const { weight } = place
  const isVector = weight.rows === 1
  let row = 0
  return weight.sources
    .flatMap((ref) => splitRef(ref, tensors))
    .map((ref) => {
      const piece = { place, ref, firstRow: row, locations: new Map(locationsOf(ref, tensors)) }
      row += isVector ? rowsOf(ref) * columnsOf(ref) : rowsOf(ref)
      return piece
    })
}

/** Pieces in groups that are read together. */
function groups(pieces: readonly Piece[], most: number): readonly (readonly Piece[])[] {
  const all: Piece[][] = []
  let filled = Infinity
  for (const piece of pieces) {
    const bytes = storedBytes(piece.locations)
    if (filled + bytes > most) {
      all.push([])
      filled = 0
    }
    all.at(-1)?.push(piece)
    filled += bytes
  }
  return all
}

/** Stored bytes that the weights take on the wire. @param held what is in memory anyway */
export const weightBytesToRead = (weights: readonly HeldWeight[], tensors: TensorIndex, held?: TensorLocation): number =>
  storedBytes(notHeld(new Map(weights.flatMap(({ sources }) => sources).flatMap((ref) => locationsOf(ref, tensors))), held))

/** Stored bytes that are read together: few beside what is held, so that loading takes little more than that. */
const readBytesFor = (places: readonly PlacedWeight[]): number =>
  Math.min(READ_BYTES, Math.max(PIECE_BYTES, places.reduce((sum, { weight }) => sum + heldBytesOf(weight), 0) / READ_SHARE))

/** @returns what became of the matrices @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled, not_enough_memory */
export async function loadWeights(room: ShardRoom, places: readonly PlacedWeight[], reading: WeightReading): Promise<readonly MatrixFidelity[]> {
  const fidelity: MatrixFidelity[] = []
  const put = weightPutter(room, places, reading.tensors)
  try {
    for (const group of groups(
      places.flatMap((place) => piecesOf(place, reading.tensors)),
      readBytesFor(places),
    )) {
      const locations = new Map(group.flatMap((piece) => [...piece.locations]))
      const lookup = await readParts(locations, reading)
      if (reading.signal?.aborted) throw new ClusterError('cancelled', 'loading the shard was cancelled')
      for (const { place, ref, firstRow } of group) {
        const deviation = put.rows(place, ref, firstRow, lookup)
        if (deviation) fidelity.push(matrixFidelity([ref], place.weight.held, reading.tensors, deviation))
      }
    }
  } finally {
    put.close()
  }
  return fidelity
}
