/** Makes initializers from checkpoint tensors, block of rows by block of rows, and measures what that does to matrices. */
import type { FloatType } from '../../protocol/cluster.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import { ropeTables } from '../arch/rope.ts'
import { addDeviations, deviationOf, deviationOfIntegers, deviationOfScales, NO_DEVIATION, type Deviation } from '../quant/deviation.ts'
import { f16ToF32Array, f32ToF16Array, f32ToF16Bits } from '../quant/float16.ts'
import { quantizeInt8Rows } from '../quant/int8.ts'
import { blocksOfRow, packedBytes, packIntegers, quantizeBlocks, type IntegerRows } from '../quant/integer-blocks.ts'
import { createScratch, type Scratch } from '../quant/scratch.ts'
import { asFloat32, asUint16 } from '../quant/stored.ts'
import { transposeInto } from '../quant/transpose.ts'
import type { BlockForm } from './block-form.ts'
import { integerRowReader } from './integer-rows.ts'
import type { WeightPlan } from './weight-plan.ts'
import { columnsOf, rowReader, rowsOf, type PartLookup } from './weight-source.ts'

/** Weights decoded at once: small beside any matrix worth loading, large enough that calls do not count. */
const BLOCK_ELEMENTS = 1024 * 1024

/** Consecutive rows of a plan. */
type Block<Rows> = { readonly values: Rows; readonly firstRow: number; readonly rows: number }
/** Writes a block into the targets, which hold `rows` rows in all. */
type BlockWriter<Rows> = (block: Block<Rows>, columns: number, rows: number) => Deviation

/** The rows of all sources behind each other, in blocks. @param open gives the way to read rows [start, end) of one source */
function* blocksOf<Rows>(sources: readonly WeightRef[], open: (ref: WeightRef) => (start: number, end: number) => Rows): Generator<Block<Rows>> {
  let firstRow = 0
  for (const ref of sources) {
    const [read, count, step] = [open(ref), rowsOf(ref), Math.max(1, Math.floor(BLOCK_ELEMENTS / columnsOf(ref)))]
    for (let start = 0; start < count; start += step) {
      const rows = Math.min(step, count - start)
      yield { values: read(start, start + rows), firstRow: firstRow + start, rows }
    }
    firstRow += count
  }
}

/** Rows in f32. */
function floatReader(ref: WeightRef, lookup: PartLookup, scratch: Scratch): (start: number, end: number) => Float32Array {
  const read = rowReader(ref, lookup, scratch)
  const { offset } = ref
  return offset ? (start, end) => read(start, end).map((value) => value + offset) : read
}

const EMPTY = new Uint8Array(0)
const floatsIn = (target: Uint8Array, type: FloatType): Float32Array | Uint16Array => (type === 'f16' ? asUint16(target) : asFloat32(target))
const encode = (values: Float32Array, type: FloatType): Float32Array | Uint16Array => (type === 'f16' ? f32ToF16Array(values) : values)
const roundTo = (type: FloatType): ((value: number) => number) =>
  type === 'f16' ? (value) => f16ToF32Array(Uint16Array.of(f32ToF16Bits(value)))[0] ?? 0 : Math.fround

/** Matrices in f32 are exactly what was stored: only their size is told. */
function deviationInFloats(values: Float32Array, encoded: Float32Array | Uint16Array): Deviation {
  return deviationOf(values, encoded instanceof Uint16Array ? f16ToF32Array(encoded) : encoded)
}

/** Where a plan's initializers are built, and what is needed on the way. */
type Place = { readonly targets: readonly Uint8Array[]; readonly scratch: Scratch }
type FloatRecipe = Exclude<WeightPlan['recipe'], 'rope' | 'blocks'>

function floatWriter(recipe: FloatRecipe, floatType: FloatType, { targets, scratch }: Place): BlockWriter<Float32Array> {
  const [first = EMPTY, second = EMPTY] = targets
  switch (recipe) {
    case 'vector': {
      const out = floatsIn(first, floatType)
      return ({ values, firstRow }, columns) => {
        out.set(encode(values, floatType), firstRow * columns)
        return NO_DEVIATION
      }
    }
    case 'rows': {
      const out = floatsIn(first, floatType)
      return ({ values, rows, firstRow }, columns, allRows) => {
        const width = out.length / allRows
        const encoded = encode(values, floatType)
        for (let row = 0; row < rows; row++) {
          const at = (firstRow + row) * width
          out.set(encoded.subarray(row * columns, (row + 1) * columns), at)
          // The memory may hold what was built in it before.
          out.fill(0, at + columns, at + width)
        }
        return deviationInFloats(values, encoded)
      }
    }
    case 'transposed': {
      const out = floatsIn(first, floatType)
      return ({ values, rows, firstRow }, columns, allRows) => {
        const encoded = encode(values, floatType)
        transposeInto(encoded, out, rows, columns, allRows, firstRow)
        return deviationInFloats(values, encoded)
      }
    }
    case 'int8-columns': {
      const [out, scales] = [new Int8Array(first.buffer, first.byteOffset, first.length), asFloat32(second)]
      return ({ values, rows, firstRow }, columns, allRows) => {
        const quantized = quantizeInt8Rows(values, rows, columns, scratch.integers(values.length))
        transposeInto(quantized.values, out, rows, columns, allRows, firstRow)
        scales.set(quantized.scales, firstRow)
        return deviationOfIntegers(values, { integers: quantized.values, scales: quantized.scales }, columns, columns)
      }
    }
  }
}

/** Packs integers and scales at their place in the targets. */
function packer(form: BlockForm, floatType: FloatType, [first = EMPTY, second = EMPTY]: readonly Uint8Array[]) {
  const scales = floatsIn(second, floatType)
  return (rows: IntegerRows, columns: number, firstRow: number): Float32Array => {
    const blocks = blocksOfRow(columns, form)
    const encoded = encode(rows.scales, floatType)
    packIntegers(rows.integers, columns, form, first.subarray(packedBytes(firstRow, columns, form)))
    scales.set(encoded, firstRow * blocks)
    return encoded instanceof Uint16Array ? f16ToF32Array(encoded) : encoded
  }
}

function quantizingWriter(form: BlockForm, floatType: FloatType, { targets, scratch }: Place): BlockWriter<Float32Array> {
  const pack = packer(form, floatType, targets)
  return ({ values, firstRow }, columns) => {
    const quantized = quantizeBlocks(values, columns, form, roundTo(floatType), scratch.integers(values.length))
    pack(quantized, columns, firstRow)
    return deviationOfIntegers(values, quantized, columns, form.size)
  }
}

function repackingWriter(form: BlockForm, floatType: FloatType, targets: readonly Uint8Array[]): BlockWriter<IntegerRows> {
  const pack = packer(form, floatType, targets)
  return ({ values, firstRow }, columns) => deviationOfScales(values, pack(values, columns, firstRow), columns, form.size)
}

function writeAll<Rows>(blocks: Iterable<Block<Rows>>, write: BlockWriter<Rows>, columns: number, rows: number): Deviation {
  let deviation = NO_DEVIATION
  for (const block of blocks) deviation = addDeviations(deviation, write(block, columns, rows))
  return deviation
}

/**
 * Writes the plan's initializers, in order, over all of `targets`: memory of exactly their sizes, aligned for their elements.
 * `lookup` gives the stored parts that `locationsOf` of its sources names. Holds a few megabytes beside both.
 * @returns what holding it so does to a matrix; null for what is no matrix
 */
export function buildWeights(plan: WeightPlan, lookup: PartLookup, targets: readonly Uint8Array[], scratch = createScratch()): Deviation | null {
  const { floatType } = plan
  if (plan.recipe === 'rope') {
    const { cos, sin } = ropeTables(plan.inverseFrequencies, plan.magnitude, plan.tensors[0]?.dims[0] ?? 0)
    for (const [i, table] of [cos, sin].entries()) floatsIn(targets[i] ?? EMPTY, floatType).set(encode(table, floatType))
    return null
  }
  const { sources } = plan
  const [first] = sources
  if (!first) throw new Error('a weight plan without sources')
  const columns = columnsOf(first)
  if (sources.some((ref) => columnsOf(ref) !== columns)) throw new Error(`rows of different lengths at ${first.tensor}`)
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const place: Place = { targets, scratch }
  const floats = blocksOf(sources, (ref) => floatReader(ref, lookup, scratch))
  if (plan.recipe !== 'blocks') {
    const deviation = writeAll(floats, floatWriter(plan.recipe, floatType, place), columns, rows)
    return plan.recipe === 'vector' ? null : deviation
  }
  const { form } = plan
  if (!form.isRepacked) return writeAll(floats, quantizingWriter(form, floatType, place), columns, rows)
  const integers = blocksOf(sources, (ref) => integerRowReader(ref, lookup))
  return writeAll(integers, repackingWriter(form, floatType, targets), columns, rows)
}
