/** Streams weights from the checkpoint into their places: beside them only a few pieces of what is stored are in memory. */
import type { WeightRef } from '../../core/arch/layer-builder.ts'
import { columnsOf, locationsOf, rowReader, rowsOf, type StoredPart } from '../../core/graph/weight-source.ts'
import { integerRowReader } from '../../core/graph/integer-rows.ts'
import { matrixFidelity, type MatrixFidelity } from '../../core/graph/fidelity.ts'
import type { Deviation } from '../../core/quant/deviation.ts'
import { createScratch, type Scratch } from '../../core/quant/scratch.ts'
import type { TensorIndex, TensorLocation } from '../../core/model/safetensors.ts'
import { heldBytesOf, holdsBlocksOf, type HeldWeight } from '../../core/simd/held-matrix.ts'
import { packRows, placeRows, takeRows, type PackedRows } from '../../core/simd/pack.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { notHeld, readParts, type WeightReading } from '../external-data.ts'

/** Stored bytes that are decoded at once. */
const PIECE_BYTES = 2 * 1024 * 1024
/** Stored bytes that are read together. */
const READ_BYTES = 16 * 1024 * 1024

export type PlacedWeight = { readonly weight: HeldWeight; readonly address: number }
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
function groups(pieces: readonly Piece[]): readonly (readonly Piece[])[] {
  const all: Piece[][] = []
  let filled = Infinity
  for (const piece of pieces) {
    const bytes = storedBytes(piece.locations)
    if (filled + bytes > READ_BYTES) {
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

function decodePiece({ ref }: Piece, lookup: (key: string) => StoredPart, scratch: Scratch): Float32Array {
  const values = rowReader(ref, lookup, scratch)(0, rowsOf(ref))
  const { offset } = ref
  return offset ? values.map((value) => value + offset) : values
}

/** The piece's rows without a rounding, where they are stored in blocks like those they are held in. */
function taken({ ref, place }: Piece, tensors: TensorIndex, lookup: (key: string) => StoredPart): PackedRows | null {
  const { held, columns } = place.weight
  const type = ref.mxfp4Scales === undefined ? tensors.get(ref.tensor)?.type : 'mxfp4'
  if (ref.transposed || ref.offset || !type || !holdsBlocksOf(held, type)) return null
  return takeRows(held, integerRowReader(ref, lookup)(0, rowsOf(ref)), columns)
}

/** @returns what holding them so does to the rows of a matrix; null for a vector */
function put(memory: Uint8Array, piece: Piece, tensors: TensorIndex, lookup: (key: string) => StoredPart, scratch: Scratch): Deviation | null {
  const { weight, address } = piece.place
  const place = memory.subarray(address, address + heldBytesOf(weight))
  if (weight.rows === 1 && weight.held === 'f32') {
    const values = decodePiece(piece, lookup, scratch)
    new Float32Array(place.buffer, place.byteOffset + piece.firstRow * 4, values.length).set(values)
    return null
  }
  const packed = taken(piece, tensors, lookup) ?? packRows(weight.held, decodePiece(piece, lookup, scratch), weight.columns, scratch)
  placeRows(place, weight, piece.firstRow, packed)
  return packed.deviation
}

/** @returns what became of the matrices @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function loadWeights(
  memory: () => Uint8Array,
  places: readonly PlacedWeight[],
  reading: WeightReading,
): Promise<readonly MatrixFidelity[]> {
  const fidelity: MatrixFidelity[] = []
  const scratch = createScratch()
  for (const group of groups(places.flatMap((place) => piecesOf(place, reading.tensors)))) {
    const locations = new Map(group.flatMap((piece) => [...piece.locations]))
    const lookup = await readParts(locations, reading)
    if (reading.signal?.aborted) throw new ClusterError('cancelled', 'loading the shard was cancelled')
    for (const piece of group) {
      const deviation = put(memory(), piece, reading.tensors, lookup, scratch)
      if (deviation) fidelity.push(matrixFidelity([piece.ref], piece.place.weight.held, reading.tensors, deviation))
    }
  }
  return fidelity
}
